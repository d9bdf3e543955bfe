// The host's numbers. Other hosts may have others; errorText knows what to say of them.
export enum HttpError {
  Success = 0,
  InvalidHandle = 1,
  MemoryNotFound = 2,
  MemoryAccess = 3,
  BufferTooSmall = 4,
  HeaderNotFound = 5,
  Utf8 = 6,
  DestinationNotAllowed = 7,
  InvalidMethod = 8,
  InvalidEncoding = 9,
  InvalidUrl = 10,
  RequestFailed = 11,
  Runtime = 12,
  TooManySessions = 13,
}

export function errorText(error: HttpError): string {
  switch (error) {
    case HttpError.Success:
      return "success";
    case HttpError.InvalidHandle:
      return "the response is closed";
    case HttpError.MemoryNotFound:
      return "the module exports no memory";
    case HttpError.MemoryAccess:
      return "the host cannot write to that memory";
    case HttpError.BufferTooSmall:
      return "the headers are too long";
    case HttpError.HeaderNotFound:
      return "the response has no such header";
    case HttpError.Utf8:
      return "the URL, the method or a header is not UTF-8";
    case HttpError.DestinationNotAllowed:
      return "the host does not allow this destination";
    case HttpError.InvalidMethod:
      return "that is not an HTTP method";
    case HttpError.InvalidEncoding:
      return "a header name or value cannot be sent";
    case HttpError.InvalidUrl:
      return "that is not an absolute URL";
    case HttpError.RequestFailed:
      return "the request failed";
    case HttpError.Runtime:
      return "the host failed";
    case HttpError.TooManySessions:
      return "too many responses are open";
    default:
      return "the host gave the unknown error " + (<i32>error).toString();
  }
}

// AssemblyScript has no exceptions to catch: this ends the module with the text on stderr.
export function check(what: string, error: HttpError): void {
  if (error != HttpError.Success) {
    throw new Error(what + ": " + errorText(error));
  }
}
