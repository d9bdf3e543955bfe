module wasi_go_cli

go 1.21
