module hythe/guests/go_http

go 1.21
