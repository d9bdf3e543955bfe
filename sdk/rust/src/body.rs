use crate::{raw, Error};
use bytes::{Bytes, BytesMut};
use std::io;

/// The body of a response, taken as it arrives.
///
/// It implements [`io::Read`]; a body that breaks off is an error there, never an early end. When
/// it is dropped the host lets go of the response, and until then the response counts against the
/// host's limit.
#[derive(Debug)]
pub struct Body {
    handle: u32,
    ended: bool,
}

const PART_LEN: usize = 16 * 1024;

impl Body {
    pub(crate) fn new(handle: u32) -> Body {
        Body {
            handle,
            ended: false,
        }
    }

    /// Waits for the next part and puts it into `buffer`; the number of its bytes, 0 at the end.
    pub fn read_part(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        // A host answers a buffer of no bytes with 0, which would look like the end.
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        let mut len = 0;
        // SAFETY: the host writes at most buffer.len() bytes there, and one length.
        Error::check(unsafe {
            raw::body_read(self.handle, buffer.as_mut_ptr(), buffer.len(), &mut len)
        })?;
        self.ended = len == 0;
        Ok(len)
    }

    /// Takes the rest of the body, however long it is.
    pub fn read_all(&mut self) -> Result<Bytes, Error> {
        self.read_at_most(usize::MAX)
    }

    /// Takes the rest of the body; [`Error::TooLarge`] if that is more than `max` bytes.
    pub fn read_at_most(&mut self, max: usize) -> Result<Bytes, Error> {
        let mut whole = BytesMut::new();
        let mut used = 0;
        loop {
            if whole.len() - used < PART_LEN {
                whole.resize((whole.len() * 2).max(2 * PART_LEN), 0);
            }
            let len = self.read_part(&mut whole[used..])?;
            used += len;
            if used > max {
                return Err(Error::TooLarge);
            }
            if len == 0 {
                whole.truncate(used);
                return Ok(whole.freeze());
            }
        }
    }
}

impl io::Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_part(buffer).map_err(io::Error::from)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        // There is nothing to do about a host that cannot close.
        // SAFETY: takes a number only.
        let _ = unsafe { raw::close(self.handle) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::fake::{look, set_up, Host, HANDLE};
    use std::io::Read;

    fn body(parts: &[&[u8]], end: i32) -> Body {
        let parts = parts.iter().map(|part| part.to_vec()).collect();
        set_up(Host {
            parts,
            end,
            open: 1,
            ..Host::default()
        });
        Body::new(HANDLE)
    }

    #[test]
    fn parts_come_as_they_arrive() {
        let mut body = body(&[b"abcd", b"ef"], 0);
        let mut buffer = [0; 3];
        let mut seen = Vec::new();
        loop {
            let len = body.read(&mut buffer).unwrap();
            if len == 0 {
                break;
            }
            seen.push(buffer[..len].to_vec());
        }
        assert_eq!(seen, [b"abc".to_vec(), b"d".to_vec(), b"ef".to_vec()]);
        assert_eq!(body.read(&mut buffer).unwrap(), 0);
    }

    #[test]
    fn an_empty_buffer_is_not_the_end() {
        let mut body = body(&[b"a"], 0);
        assert_eq!(body.read(&mut []).unwrap(), 0);
        assert_eq!(body.read_all().unwrap(), &b"a"[..]);
    }

    #[test]
    fn a_body_that_breaks_off_is_an_error() {
        let mut body = body(&[b"half"], 11);
        let mut text = String::new();
        let error = body.read_to_string(&mut text).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
        assert!(matches!(body.read_all(), Err(Error::RequestFailed)));
    }

    #[test]
    fn long_bodies_are_put_together() {
        let part: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let mut body = body(&[&part, &part], 0);
        assert_eq!(body.read_all().unwrap(), [&part[..], &part[..]].concat());
    }

    #[test]
    fn limits_count_bytes() {
        assert_eq!(body(&[b"abc"], 0).read_at_most(3).unwrap(), &b"abc"[..]);
        assert!(matches!(
            body(&[b"abcd"], 0).read_at_most(3),
            Err(Error::TooLarge)
        ));
    }

    #[test]
    fn drop_closes_once() {
        let mut body = body(&[b"unread"], 0);
        body.read_part(&mut [0; 2]).unwrap();
        assert_eq!(look(|host| host.open), 1);
        drop(body);
        assert_eq!(look(|host| host.open), 0);
    }
}
