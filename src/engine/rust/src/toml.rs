//! TOML, handed to C value by value: what `src/config/toml.h` declares.
//!
//! The text is anybody's. Nothing here panics on it: its size, the depth of its tables and the
//! number of its values are limited, and all that is wrong with it is reported with its place.

use std::ffi::c_void;
use std::ops::Range;
use toml::de::{DeTable, DeValue};
use toml_parser::lexer::TokenKind;

const TEXT_MAX: usize = 1 << 20;
const SMALL_TEXT: usize = 64 << 10;
const VALUES_MAX: usize = 100_000;
/// Tables within tables and arrays.
const DEPTH_MAX: u32 = 24;
/// Dots in one key. The parser limits nested brackets but not these, and the tables they make are
/// dropped recursively.
const DOTS_MAX: usize = 16;
const ERRORS_MAX: usize = 10;

const STATUS_OK: i32 = 0;
const STATUS_WRONG: i32 = 1;
const STATUS_STOPPED: i32 = 2;

/// What an item is; the numbers of `enum toml_type`.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Kind {
    Table,
    Array,
    String,
    Integer,
    Float,
    Boolean,
    Datetime,
    Error,
}

/// One value, or one thing that is wrong. A table or array comes before what it holds, which is one
/// level deeper.
#[repr(C)]
pub struct HytheTomlItem {
    kind: Kind,
    depth: u32,
    /// Of the value; lines and columns count from 1, columns in bytes.
    line: u32,
    column: u32,
    /// Of its key, 0 if it has none.
    key_line: u32,
    key_column: u32,
    /// Not NUL-terminated, and without NUL; valid during the call. NULL for what has no key.
    key: *const u8,
    key_len: usize,
    /// The string, the number in decimal, `true` or `false`, or the message.
    text: *const u8,
    text_len: usize,
}

/// Takes one item. False ends the reading.
type Visit = extern "C" fn(env: *mut c_void, item: *const HytheTomlItem) -> bool;

/// What ends a reading early.
enum End {
    /// The visitor wants no more.
    Stopped,
    /// Something is wrong there.
    Wrong(usize, String),
}

struct Reader<'a> {
    lines: Vec<usize>,
    left: usize,
    env: *mut c_void,
    visit: Visit,
    text: &'a str,
}

impl Reader<'_> {
    fn place(&self, offset: usize) -> (u32, u32) {
        let line = self.lines.partition_point(|&start| start <= offset);
        let start = if line == 0 { 0 } else { self.lines[line - 1] };
        // Both are at most TEXT_MAX.
        (line as u32, (offset - start + 1) as u32)
    }

    fn give(
        &self,
        kind: Kind,
        depth: u32,
        at: usize,
        key: Option<(&str, usize)>,
        text: &str,
    ) -> Result<(), End> {
        let (line, column) = self.place(at);
        let (key_line, key_column) = key.map_or((0, 0), |(_, offset)| self.place(offset));
        let item = HytheTomlItem {
            kind,
            depth,
            line,
            column,
            key_line,
            key_column,
            key: key.map_or(std::ptr::null(), |(name, _)| name.as_ptr()),
            key_len: key.map_or(0, |(name, _)| name.len()),
            text: text.as_ptr(),
            text_len: text.len(),
        };
        if (self.visit)(self.env, &item) {
            Ok(())
        } else {
            Err(End::Stopped)
        }
    }

    fn value(
        &mut self,
        key: Option<(&str, usize)>,
        value: &DeValue<'_>,
        span: Range<usize>,
        depth: u32,
    ) -> Result<(), End> {
        let at = span.start;
        self.left = match self.left.checked_sub(1) {
            Some(left) => left,
            None => return Err(End::Wrong(at, format!("more than {VALUES_MAX} values"))),
        };
        if depth > DEPTH_MAX {
            return Err(End::Wrong(
                at,
                format!("nested deeper than {DEPTH_MAX} levels"),
            ));
        }
        if key.is_some_and(|(name, _)| name.contains('\0')) {
            return Err(End::Wrong(
                at,
                "a key may not contain a NUL character".into(),
            ));
        }
        match value {
            DeValue::String(text) if text.contains('\0') => Err(End::Wrong(
                at,
                "a string may not contain a NUL character".into(),
            )),
            DeValue::String(text) => self.give(Kind::String, depth, at, key, text),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => self.give(Kind::Integer, depth, at, key, &number.to_string()),
                    Err(_) => Err(End::Wrong(at, "a number of more than 64 bits".into())),
                }
            }
            DeValue::Float(number) => self.give(Kind::Float, depth, at, key, number.as_str()),
            DeValue::Boolean(is) => self.give(
                Kind::Boolean,
                depth,
                at,
                key,
                if *is { "true" } else { "false" },
            ),
            DeValue::Datetime(_) => {
                let text = self.text.get(span).unwrap_or("");
                self.give(Kind::Datetime, depth, at, key, text)
            }
            DeValue::Array(items) => {
                self.give(Kind::Array, depth, at, key, "")?;
                for item in items {
                    self.value(None, item.get_ref(), item.span(), depth + 1)?;
                }
                Ok(())
            }
            DeValue::Table(table) => {
                self.give(Kind::Table, depth, at, key, "")?;
                self.entries(table, depth + 1)
            }
        }
    }

    /// Visits a table's entries in the order of the text; the parser has them by name.
    fn entries(&mut self, table: &DeTable<'_>, depth: u32) -> Result<(), End> {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let name = Some((key.get_ref().as_ref(), key.span().start));
            self.value(name, value.get_ref(), value.span(), depth)?;
        }
        Ok(())
    }

    /// Reports what is wrong, one thing a line: what follows on the same line is mostly its echo.
    fn report(&self, errors: &[(usize, String)]) -> i32 {
        let mut last_line = 0;
        let mut count = 0;
        for (at, message) in errors {
            let (line, _) = self.place(*at);
            if line == last_line || count == ERRORS_MAX {
                continue;
            }
            last_line = line;
            count += 1;
            if self.give(Kind::Error, 0, *at, None, message).is_err() {
                return STATUS_STOPPED;
            }
        }
        STATUS_WRONG
    }
}

/// Where a key has too many dots, if one does.
fn too_many_dots(text: &str) -> Option<usize> {
    let mut dots = 0;
    for token in toml_parser::Source::new(text).lex() {
        match token.kind() {
            TokenKind::Dot => dots += 1,
            TokenKind::Newline
            | TokenKind::Equals
            | TokenKind::Comma
            | TokenKind::LeftSquareBracket
            | TokenKind::RightSquareBracket
            | TokenKind::LeftCurlyBracket
            | TokenKind::RightCurlyBracket => dots = 0,
            _ => {}
        }
        if dots > DOTS_MAX {
            return Some(token.span().start());
        }
    }
    None
}

/// All that is wrong with a text of reasonable size, since finding it takes long; else the first.
fn syntax_errors(text: &str, first: toml::de::Error) -> Vec<(usize, String)> {
    let errors = if text.len() <= SMALL_TEXT {
        DeTable::parse_recoverable(text).1
    } else {
        vec![first]
    };
    let mut errors: Vec<_> = errors
        .iter()
        .map(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let message = error.message();
            let message = message
                .strip_suffix(", expected nothing")
                .unwrap_or(message);
            (at, message.to_owned())
        })
        .collect();
    errors.sort_by_key(|&(at, _)| at);
    errors
}

fn read(reader: &mut Reader<'_>) -> i32 {
    if let Some(at) = too_many_dots(reader.text) {
        return reader.report(&[(at, format!("a key of more than {DOTS_MAX} dots"))]);
    }
    let root = match DeTable::parse(reader.text) {
        Ok(root) => root,
        Err(first) => return reader.report(&syntax_errors(reader.text, first)),
    };
    match reader.entries(root.get_ref(), 0) {
        Ok(()) => STATUS_OK,
        Err(End::Stopped) => STATUS_STOPPED,
        Err(End::Wrong(at, message)) => reader.report(&[(at, message)]),
    }
}

/// Reads TOML: every value is visited in the order of the text, or else what is wrong is. Returns 0,
/// 1 when something is wrong (values may have been visited before it), or 2 when `visit` wanted no
/// more.
///
/// # Safety
/// `text` holds `len` bytes.
#[no_mangle]
pub unsafe extern "C" fn hythe_toml_read(
    text: *const u8,
    len: usize,
    visit: Visit,
    env: *mut c_void,
) -> i32 {
    let bytes = if len == 0 {
        &[][..]
    } else {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(text, len) }
    };
    let mut reader = Reader {
        lines: vec![0],
        left: VALUES_MAX,
        env,
        visit,
        text: "",
    };
    if len > TEXT_MAX {
        return reader.report(&[(0, format!("larger than {} KiB", TEXT_MAX >> 10))]);
    }
    let starts = bytes.iter().enumerate().filter(|(_, &byte)| byte == b'\n');
    reader.lines.extend(starts.map(|(at, _)| at + 1));
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            reader.text = text;
            read(&mut reader)
        }
        Err(error) => reader.report(&[(error.valid_up_to(), "no UTF-8".to_owned())]),
    }
}
