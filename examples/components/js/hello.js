// An HTTP service as a component: GET / says hello, POST /echo sends the body back as it comes.

addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

async function answer(request) {
    switch (new URL(request.url).pathname) {
        case "/":
            return new Response("Hello from JavaScript\n", {
                headers: { "content-type": "text/plain" },
            });
        case "/echo":
            return new Response(request.body);
        default:
            return new Response("not found\n", { status: 404 });
    }
}
