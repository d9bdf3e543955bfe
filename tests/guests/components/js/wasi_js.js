// A service worker as componentize-js runs it: hello, an echo and a GET, all streaming.
//
//   /hello     "hello" (and so does /)
//   /echo      the body of the request
//   /headers   the request's fields, a line each
//   /get?URL   what the URL answers
//   /slow/MS   "slept", after a timer
//   /throw     a promise rejected before there is a response
//   /random    a number, by an import of another release than the engine's own
//   /count     how many requests this instance has served

import { getRandomU64 } from "wasi:random/random@0.2.12";

let served = 0;

function plain(text, status = 200) {
    return new Response(text, { status, headers: { "content-type": "text/plain" } });
}

function sleep(ms) {
    return new Promise((resolve) => setTimeout(resolve, ms));
}

async function get(url) {
    try {
        const answer = await fetch(url);
        return new Response(answer.body, {
            status: answer.status,
            headers: { "content-type": answer.headers.get("content-type") ?? "text/plain" },
        });
    } catch (error) {
        return plain(`error: ${error.message}\n`, 502);
    }
}

async function answer(request) {
    const url = new URL(request.url);
    const [, way, argument] = url.pathname.split("/");
    served += 1;
    switch (way) {
        case "":
        case "hello":
            return plain("hello");
        case "echo":
            return new Response(request.body);
        case "headers":
            return plain([...request.headers].map(([name, value]) => `${name}: ${value}\n`).join(""));
        case "get":
            return get(url.search.slice(1));
        case "slow":
            await sleep(Number(argument));
            return plain("slept\n");
        case "throw":
            throw new Error("on purpose");
        case "random":
            return plain(`${getRandomU64()}\n`);
        case "count":
            return plain(`${served}\n`);
        default:
            return plain("no such way\n", 404);
    }
}

addEventListener("fetch", (event) => event.respondWith(answer(event.request)));
