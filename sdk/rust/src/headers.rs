//! Headers travel as lines of `NAME:VALUE\n`, in both directions.

use http::{HeaderMap, HeaderName, HeaderValue};

pub fn encode(headers: &HeaderMap) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in headers {
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.push(b':');
        lines.extend_from_slice(value.as_bytes());
        lines.push(b'\n');
    }
    lines
}

/// Repeated names stay repeated. Some hosts send a blank after the colon, some end lines with CR and
/// LF. A line that is no header is passed over, as HTTP clients do with what they cannot name.
pub fn decode(lines: &[u8]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        if let Some((name, value)) = decode_line(line) {
            map.append(name, value);
        }
    }
    map
}

fn decode_line(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    let value = HeaderValue::from_bytes(trim(&line[colon + 1..])).ok()?;
    Some((name, value))
}

fn trim(bytes: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\r');
    let start = bytes.iter().position(is_text).unwrap_or(bytes.len());
    let end = bytes
        .iter()
        .rposition(is_text)
        .map_or(start, |last| last + 1);
    &bytes[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<'a>(map: &'a HeaderMap, name: &str) -> Vec<&'a str> {
        map.get_all(name)
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect()
    }

    #[test]
    fn lines_have_no_blank_and_a_final_newline() {
        let mut map = HeaderMap::new();
        map.append("Content-Type", HeaderValue::from_static("text/plain"));
        map.append("abc", HeaderValue::from_static("def"));
        map.append("abc", HeaderValue::from_static("g:h"));
        assert_eq!(encode(&map), b"content-type:text/plain\nabc:def\nabc:g:h\n");
        assert_eq!(encode(&HeaderMap::new()), b"");
    }

    #[test]
    fn repeated_names_and_colons_survive() {
        let map = decode(b"set-cookie:a=1\nset-cookie:b=2\ndate:Sun, 14:00:00 GMT\n");
        assert_eq!(values(&map, "set-cookie"), ["a=1", "b=2"]);
        assert_eq!(values(&map, "date"), ["Sun, 14:00:00 GMT"]);
    }

    #[test]
    fn other_hosts_line_ends_and_blanks_are_fine() {
        let map = decode(b"Server: x y \r\nempty:\r\n\r\nlast:1");
        assert_eq!(values(&map, "server"), ["x y"]);
        assert_eq!(values(&map, "empty"), [""]);
        assert_eq!(values(&map, "last"), ["1"]);
        assert_eq!(map.len(), 3);
    }

    #[test]
    fn what_is_no_header_is_passed_over() {
        let map = decode(b"no colon\nbad name:1\ngood:2\n:3\n");
        assert_eq!(map.len(), 1);
        assert_eq!(values(&map, "good"), ["2"]);
    }
}
