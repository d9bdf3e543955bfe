use crate::{headers, raw, Body, Error, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

const HEADERS_FIRST_SIZE: usize = 4096;
const HEADERS_MAX_SIZE: usize = 1 << 20;

/// A request that is being put together. What is wrong with it comes out at [`send`](Self::send).
#[derive(Debug)]
#[must_use = "nothing happens until send()"]
pub struct RequestBuilder {
    parts: http::request::Builder,
    body: Bytes,
}

impl RequestBuilder {
    /// Adds a header; a name may be added more than once.
    pub fn header<K, V>(mut self, name: K, value: V) -> RequestBuilder
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        self.parts = self.parts.header(name, value);
        self
    }

    /// Sets the body, which goes out whole.
    pub fn body(mut self, body: impl Into<Bytes>) -> RequestBuilder {
        self.body = body.into();
        self
    }

    /// Sends the request and waits for the head of the response.
    pub fn send(self) -> Result<Response, Error> {
        send(self.parts.body(self.body)?)
    }
}

/// Begins a request.
pub fn request<M, U>(method: M, url: U) -> RequestBuilder
where
    Method: TryFrom<M>,
    <Method as TryFrom<M>>::Error: Into<http::Error>,
    Uri: TryFrom<U>,
    <Uri as TryFrom<U>>::Error: Into<http::Error>,
{
    RequestBuilder {
        parts: http::Request::builder().method(method).uri(url),
        body: Bytes::new(),
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident $method:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name<U>(url: U) -> RequestBuilder
        where
            Uri: TryFrom<U>,
            <Uri as TryFrom<U>>::Error: Into<http::Error>,
        {
            request(Method::$method, url)
        }
    )*};
}

methods! {
    /// Begins a GET.
    get GET;
    /// Begins a HEAD.
    head HEAD;
    /// Begins a POST.
    post POST;
    /// Begins a PUT.
    put PUT;
    /// Begins a DELETE.
    delete DELETE;
}

/// Sends a request and waits for the head of the response.
pub fn send<B: AsRef<[u8]>>(request: http::Request<B>) -> Result<Response, Error> {
    let url = request.uri().to_string();
    let method = request.method().as_str();
    let lines = headers::encode(request.headers());
    let body = request.body().as_ref();
    let mut status = 0;
    let mut handle = 0;
    // SAFETY: the host reads the four ranges, which live until it returns, and writes two numbers.
    Error::check(unsafe {
        raw::req(
            url.as_ptr(),
            url.len(),
            method.as_ptr(),
            method.len(),
            lines.as_ptr(),
            lines.len(),
            body.as_ptr(),
            body.len(),
            &mut status,
            &mut handle,
        )
    })?;
    // From here on the body's drop closes the response.
    let mut response = Response::new(Body::new(handle));
    *response.status_mut() =
        StatusCode::from_u16(status).map_err(|_| Error::InvalidStatus(status))?;
    *response.headers_mut() = all_headers(handle)?;
    Ok(response)
}

/// The host does not say how much it has, only that it was too much.
fn all_headers(handle: u32) -> Result<HeaderMap, Error> {
    let mut block = vec![0; HEADERS_FIRST_SIZE];
    loop {
        let mut len = 0;
        // SAFETY: the host writes at most block.len() bytes there, and one length.
        let code =
            unsafe { raw::headers_get_all(handle, block.as_mut_ptr(), block.len(), &mut len) };
        match Error::check(code) {
            Ok(()) => return Ok(headers::decode(&block[..len])),
            Err(Error::BufferTooSmall) if block.len() < HEADERS_MAX_SIZE => {
                block.resize(block.len() * 2, 0);
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::fake::{look, set_up, Host};

    fn answer(headers: &[u8]) -> Host {
        Host {
            status: 200,
            headers: headers.to_vec(),
            ..Host::default()
        }
    }

    #[test]
    fn everything_reaches_the_host() {
        set_up(answer(b""));
        request("PATCH", "http://h:1/p?q=%20")
            .header("X-One", "1")
            .header("x-one", "2")
            .body("text")
            .send()
            .unwrap();
        look(|host| {
            assert_eq!(host.url, "http://h:1/p?q=%20");
            assert_eq!(host.method, "PATCH");
            assert_eq!(host.sent_headers, "x-one:1\nx-one:2\n");
            assert_eq!(host.sent_body, b"text");
        });
    }

    #[test]
    fn the_short_forms_name_their_methods() {
        for (builder, method) in [
            (get("http://h/"), "GET"),
            (head("http://h/"), "HEAD"),
            (post("http://h/"), "POST"),
            (put("http://h/"), "PUT"),
            (delete("http://h/"), "DELETE"),
        ] {
            set_up(answer(b""));
            builder.send().unwrap();
            assert_eq!(look(|host| host.method.clone()), method);
        }
    }

    #[test]
    fn a_built_request_of_the_http_crate_is_fine() {
        set_up(answer(b"a:1\n"));
        let request = http::Request::post("http://h/")
            .body(Bytes::from_static(b"b"))
            .unwrap();
        let response = send(request).unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["a"], "1");
        assert_eq!(look(|host| host.sent_body.clone()), b"b");
    }

    #[test]
    fn a_refusal_opens_nothing() {
        set_up(Host {
            refuse: 7,
            ..Host::default()
        });
        assert!(matches!(
            get("http://h/").send(),
            Err(Error::DestinationNotAllowed)
        ));
        assert_eq!(look(|host| host.open), 0);
    }

    #[test]
    fn a_bad_status_closes_the_response() {
        set_up(Host {
            status: 42,
            ..Host::default()
        });
        assert!(matches!(
            get("http://h/").send(),
            Err(Error::InvalidStatus(42))
        ));
        assert_eq!(look(|host| host.open), 0);
    }

    #[test]
    fn line_breaks_do_not_reach_the_host() {
        set_up(answer(b""));
        let result = get("http://h/").header("a", "1\nb:2").send();
        assert!(matches!(result, Err(Error::Build(_))));
        assert_eq!(look(|host| host.url.clone()), "");
    }

    #[test]
    fn long_headers_are_asked_for_again_with_more_room() {
        let long = format!("long:{}\n", "x".repeat(9000));
        set_up(answer(long.as_bytes()));
        let response = get("http://h/").send().unwrap();
        assert_eq!(response.headers()["long"].len(), 9000);
        assert_eq!(look(|host| host.header_calls), 3);
    }

    #[test]
    fn headers_without_end_are_an_error() {
        set_up(answer(&vec![b'x'; HEADERS_MAX_SIZE + 1]));
        assert!(matches!(
            get("http://h/").send(),
            Err(Error::BufferTooSmall)
        ));
        assert_eq!(look(|host| host.open), 0);
    }
}
