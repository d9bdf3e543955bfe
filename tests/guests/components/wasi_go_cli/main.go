// A plain Go command: prints its arguments and environment, then does what the flags say.
//
//	wasi_go_cli [-read PATH] [-write PATH] [-exit N]
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	read := flag.String("read", "", "print that file")
	write := flag.String("write", "", "write stdin to that file")
	exit := flag.Int("exit", 0, "end with that status")
	flag.Parse()

	for _, argument := range os.Args {
		fmt.Println("argument", argument)
	}
	for _, variable := range os.Environ() {
		fmt.Println("variable", variable)
	}
	before := time.Now()
	time.Sleep(10 * time.Millisecond)
	fmt.Println("slept", time.Since(before) >= 10*time.Millisecond)
	if *write != "" {
		copyTo(*write)
	}
	if *read != "" {
		bytes, err := os.ReadFile(*read)
		fmt.Printf("read %d %v\n", len(bytes), err)
	}
	fmt.Fprintln(os.Stderr, "on stderr")
	os.Exit(*exit)
}

func copyTo(path string) {
	bytes, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = os.WriteFile(path, bytes, 0o644)
	}
	fmt.Printf("wrote %d %v\n", len(bytes), err)
}
