use std::{error, fmt, io};

/// Why there is no response, or no more of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The host does not know the response (1).
    InvalidHandle,
    /// The module exports no memory (2).
    MemoryNotFound,
    /// The host cannot write where it was told to (3).
    MemoryAccess,
    /// Something is longer than the memory it was to go to (4): headers of more than 1 MiB.
    BufferTooSmall,
    /// The response has no such header (5).
    HeaderNotFound,
    /// The URL, the method or a header is not UTF-8 (6).
    Utf8,
    /// The host's operator has not granted this URL (7).
    DestinationNotAllowed,
    /// That is no HTTP method (8).
    InvalidMethod,
    /// A header name or value cannot be sent (9).
    InvalidEncoding,
    /// That is no absolute URL (10).
    InvalidUrl,
    /// No response came, or it broke off (11).
    RequestFailed,
    /// The host failed (12).
    Runtime,
    /// Too many responses are open (13).
    TooManySessions,
    /// The host gave a number that this crate does not know.
    Unknown(i32),
    /// The body is longer than the limit that the caller set.
    TooLarge,
    /// The status is none of 100 to 999.
    InvalidStatus(u16),
    /// The request could not be built.
    Build(http::Error),
}

impl Error {
    /// The error behind a host's number; `None` for 0, which is success.
    pub fn from_code(code: i32) -> Option<Error> {
        Some(match code {
            0 => return None,
            1 => Error::InvalidHandle,
            2 => Error::MemoryNotFound,
            3 => Error::MemoryAccess,
            4 => Error::BufferTooSmall,
            5 => Error::HeaderNotFound,
            6 => Error::Utf8,
            7 => Error::DestinationNotAllowed,
            8 => Error::InvalidMethod,
            9 => Error::InvalidEncoding,
            10 => Error::InvalidUrl,
            11 => Error::RequestFailed,
            12 => Error::Runtime,
            13 => Error::TooManySessions,
            other => Error::Unknown(other),
        })
    }

    pub(crate) fn check(code: i32) -> Result<(), Error> {
        match Error::from_code(code) {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Error::InvalidHandle => "the host does not know this response",
            Error::MemoryNotFound => "the module exports no memory",
            Error::MemoryAccess => "the host cannot write to that memory",
            Error::BufferTooSmall => "the headers are too long",
            Error::HeaderNotFound => "the response has no such header",
            Error::Utf8 => "the URL, the method or a header is not UTF-8",
            Error::DestinationNotAllowed => "the host does not allow this destination",
            Error::InvalidMethod => "that is not an HTTP method",
            Error::InvalidEncoding => "a header name or value cannot be sent",
            Error::InvalidUrl => "that is not an absolute URL",
            Error::RequestFailed => "the request failed",
            Error::Runtime => "the host failed",
            Error::TooManySessions => "too many responses are open",
            Error::TooLarge => "the body is longer than its limit",
            Error::Unknown(code) => return write!(out, "the host gave the unknown error {code}"),
            Error::InvalidStatus(status) => return write!(out, "the host gave status {status}"),
            Error::Build(error) => return write!(out, "the request could not be built: {error}"),
        })
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Error::Build(error) => Some(error),
            _ => None,
        }
    }
}

impl From<http::Error> for Error {
    fn from(error: http::Error) -> Error {
        Error::Build(error)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        let kind = match error {
            Error::DestinationNotAllowed => io::ErrorKind::PermissionDenied,
            Error::InvalidUrl | Error::InvalidMethod | Error::InvalidEncoding | Error::Build(_) => {
                io::ErrorKind::InvalidInput
            }
            Error::RequestFailed => io::ErrorKind::ConnectionAborted,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_its_own_text() {
        let mut texts: Vec<String> = (1..=14)
            .map(|code| Error::from_code(code).unwrap().to_string())
            .collect();
        assert_eq!(texts[6], "the host does not allow this destination");
        assert_eq!(texts[13], "the host gave the unknown error 14");
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), 14);
        assert!(Error::from_code(0).is_none());
    }

    #[test]
    fn a_refusal_is_permission_denied_to_io() {
        let error = io::Error::from(Error::DestinationNotAllowed);
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(error.into_inner().unwrap().downcast::<Error>().is_ok());
    }
}
