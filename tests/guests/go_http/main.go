// A net/http server on a preopened listener: descriptor 3 is all it knows of the network.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
)

// listenerFD is where every host of this dialect puts the first listener.
const listenerFD = 3

func main() {
	listener, err := net.FileListener(os.NewFile(listenerFD, "listener"))
	if err != nil {
		log.Fatalf("no listener on descriptor %d: %v", listenerFD, err)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("/", hello)
	mux.HandleFunc("/echo", echo)
	fmt.Println("serving on descriptor", listenerFD)
	log.Fatal(http.Serve(listener, mux))
}

func hello(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	io.WriteString(w, "Hello from Go\n")
}

func echo(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "POST only", http.StatusMethodNotAllowed)
		return
	}
	io.Copy(w, r.Body)
}
