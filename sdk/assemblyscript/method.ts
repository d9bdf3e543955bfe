export enum Method {
  GET,
  HEAD,
  POST,
  PUT,
  DELETE,
  CONNECT,
  OPTIONS,
  TRACE,
  PATCH,
}

export function methodName(method: Method): string {
  switch (method) {
    case Method.HEAD:
      return "HEAD";
    case Method.POST:
      return "POST";
    case Method.PUT:
      return "PUT";
    case Method.DELETE:
      return "DELETE";
    case Method.CONNECT:
      return "CONNECT";
    case Method.OPTIONS:
      return "OPTIONS";
    case Method.TRACE:
      return "TRACE";
    case Method.PATCH:
      return "PATCH";
    default:
      return "GET";
  }
}
