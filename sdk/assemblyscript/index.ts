// HTTP requests on the imports of wasi_experimental_http; README.md shows how.

export { HttpError, errorText } from "./error";
export { Method, methodName } from "./method";
export { Attempt, Request, RequestBuilder, request, tryRequest } from "./request";
export { Response } from "./response";
export { StatusCode } from "./status";
