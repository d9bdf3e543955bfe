//! The types of WASI 0.2's functions: one line each, `name: (arguments) -> answer`.
//!
//! Sources: the WIT of wasi:{io,http,clocks,random,cli,filesystem,sockets}@0.2.12, and of
//! wasi:config and wasi:keyvalue as named below. What the functions do is in `src/imports`.

use crate::component::Interface;
use crate::slots::{
    larger, lists, put_list, Handles, Put, Putter, Shape, Take, Taker, Text,
};
use wasmtime_c_api::wasmtime;
use wasmtime_c_api::wasmtime::component::{
    flags, ComponentType, Lift, Lower, Resource, ResourceType, WasmList,
};
use wasmtime_c_api::wasmtime::{bail, Result};

type Str = &'static str;
type Bytes = &'static [u8];
type Words = &'static [u32];
/// `result` alone.
type Plain = core::result::Result<(), ()>;

/// An enum: its case's number is its slot.
macro_rules! wit_enum {
    ($name:ident: $($wit:literal $case:ident,)+) => {
        #[derive(ComponentType, Lift, Lower, Clone, Copy)]
        #[component(enum)]
        #[repr(u8)]
        pub enum $name { $(#[component(name = $wit)] $case,)+ }

        impl Shape for $name {}

        impl Put for $name {
            fn put(&self, to: &mut Putter<'_, '_>) -> Result<()> {
                to.number(*self as u64);
                Ok(())
            }
        }

        impl Take for $name {
            fn take(from: &mut Taker<'_>) -> Result<Self> {
                let number = from.number();
                match [$(Self::$case,)+].get(number as usize) {
                    Some(case) => Ok(*case),
                    None => bail!("{number} is no case of {}", stringify!($name)),
                }
            }
        }
    };
}

/// A variant: a slot for the case's number and those of its payload. `in` is what guests pass, `out`
/// what the host answers; strings differ between the two, so `S` stands for them.
macro_rules! wit_variant {
    ($name:ident $(<$s:ident>)?: $($wit:literal $case:ident $(($field:ident: $ty:ty))?,)+) => {
        wit_variant!(@type $name $(<$s>)?: [ComponentType, Lift, Lower]
                     $($wit $case $(($field: $ty))?,)+);
        wit_variant!(@put $name $(<$s>)?: $($case $(($field: $ty))?,)+);
        wit_variant!(@take $name $(<$s>)?: $($case $(($field: $ty))?,)+);
    };
    (in $name:ident: $($wit:literal $case:ident $(($field:ident: $ty:ty))?,)+) => {
        wit_variant!(@type $name: [ComponentType, Lift] $($wit $case $(($field: $ty))?,)+);
        wit_variant!(@put $name: $($case $(($field: $ty))?,)+);
    };
    (out $name:ident: $($wit:literal $case:ident $(($field:ident: $ty:ty))?,)+) => {
        wit_variant!(@type $name: [ComponentType, Lower] $($wit $case $(($field: $ty))?,)+);
        wit_variant!(@take $name: $($case $(($field: $ty))?,)+);
    };
    (@type $name:ident $(<$s:ident>)?: [$($derive:ident),+]
     $($wit:literal $case:ident $(($field:ident: $ty:ty))?,)+) => {
        #[derive($($derive),+)]
        #[component(variant)]
        pub enum $name $(<$s>)? { $(#[component(name = $wit)] $case $(($ty))?,)+ }

        impl $(<$s: Shape>)? Shape for $name $(<$s>)? {
            const SLOTS: usize = {
                let slots = 0;
                $($(let slots = larger(slots, <$ty as Shape>::SLOTS);)?)+
                1 + slots
            };
        }
    };
    (@put $name:ident $(<$s:ident>)?: $($case:ident $(($field:ident: $ty:ty))?,)+) => {
        impl $(<$s: Put>)? Put for $name $(<$s>)? {
            #[allow(unused_assignments)]
            fn put(&self, to: &mut Putter<'_, '_>) -> Result<()> {
                let from = to.at();
                let mut number = 0;
                $(
                    if let Self::$case { $(0: $field)? } = self {
                        to.number(number);
                        $($field.put(to)?;)?
                    }
                    number += 1;
                )+
                to.skip_to(from, Self::SLOTS);
                Ok(())
            }
        }
    };
    (@take $name:ident $(<$s:ident>)?: $($case:ident $(($field:ident: $ty:ty))?,)+) => {
        impl $(<$s: Take>)? Take for $name $(<$s>)? {
            #[allow(unused_assignments)]
            fn take(from: &mut Taker<'_>) -> Result<Self> {
                let begin = from.at();
                let number = from.number();
                let mut case = 0;
                $(
                    if case == number {
                        let value = Self::$case $((<$ty as Take>::take(from)?))?;
                        from.skip_to(begin, Self::SLOTS);
                        return Ok(value);
                    }
                    case += 1;
                )+
                bail!("{number} is no case of {}", stringify!($name));
            }
        }
    };
}

macro_rules! wit_record {
    ($name:ident $(<$s:ident>)? [$($derive:ident),+]: $($wit:literal $field:ident: $ty:ty,)+) => {
        #[derive(ComponentType, $($derive),+)]
        #[component(record)]
        pub struct $name $(<$s>)? { $(#[component(name = $wit)] $field: $ty,)+ }

        impl $(<$s: Shape>)? Shape for $name $(<$s>)? {
            const SLOTS: usize = 0 $(+ <$ty as Shape>::SLOTS)+;
        }

        wit_record!(@both $name $(<$s>)? [$($derive),+]: $($field: $ty,)+);
    };
    (@both $name:ident $(<$s:ident>)? [Lift]: $($field:ident: $ty:ty,)+) => {
        wit_record!(@put $name $(<$s>)?: $($field: $ty,)+);
    };
    (@both $name:ident $(<$s:ident>)? [Lower]: $($field:ident: $ty:ty,)+) => {
        wit_record!(@take $name $(<$s>)?: $($field: $ty,)+);
    };
    (@both $name:ident $(<$s:ident>)? [Lift, Lower]: $($field:ident: $ty:ty,)+) => {
        wit_record!(@put $name $(<$s>)?: $($field: $ty,)+);
        wit_record!(@take $name $(<$s>)?: $($field: $ty,)+);
    };
    (@put $name:ident $(<$s:ident>)?: $($field:ident: $ty:ty,)+) => {
        impl $(<$s: Put>)? Put for $name $(<$s>)? {
            fn put(&self, to: &mut Putter<'_, '_>) -> Result<()> {
                $(self.$field.put(to)?;)+
                Ok(())
            }
        }
    };
    (@take $name:ident $(<$s:ident>)?: $($field:ident: $ty:ty,)+) => {
        impl $(<$s: Take>)? Take for $name $(<$s>)? {
            fn take(from: &mut Taker<'_>) -> Result<Self> {
                Ok(Self { $($field: <$ty as Take>::take(from)?,)+ })
            }
        }
    };
}

/// Flags: one slot of bits.
macro_rules! wit_flags {
    ($name:ident: $($wit:literal $case:ident,)+) => {
        flags! { $name { $(#[component(name = $wit)] const $case;)+ } }

        impl Shape for $name {}

        impl Put for $name {
            fn put(&self, to: &mut Putter<'_, '_>) -> Result<()> {
                to.number(u64::from(self.as_array()[0]));
                Ok(())
            }
        }

        impl Take for $name {
            fn take(from: &mut Taker<'_>) -> Result<Self> {
                let bits = from.number();
                let mut flags = Self::empty();
                for (bit, flag) in [$(Self::$case,)+].into_iter().enumerate() {
                    if bits & (1 << bit) != 0 {
                        flags |= flag;
                    }
                }
                Ok(flags)
            }
        }
    };
}

/// An interface: its resources by name and marker type, and its functions. `waits` marks those that
/// may park the guest.
macro_rules! interface {
    ($define:ident:
     resources { $($resource:literal $marker:ident,)* }
     $($func:literal $(($mode:ident))? : ($($arg:ty),*) $(-> $answer:ty)?;)*) => {
        fn $define(interface: &mut Interface<'_>) -> Result<()> {
            $(interface.resource($resource, ResourceType::host::<$marker>())?;)*
            $(interface!(@$($mode)? interface, $func, ($($arg,)*), ($($answer,)?));)*
            Ok(())
        }
    };
    (@waits $interface:ident, $func:literal, $args:ty, $answer:ty) => {
        $interface.waiting_func::<$args, $answer>($func)?
    };
    (@ $interface:ident, $func:literal, $args:ty, $answer:ty) => {
        $interface.func::<$args, $answer>($func)?
    };
}

macro_rules! markers {
    ($($name:ident)+) => { $(pub struct $name;)+ };
}

// What resources stand for is C's; these only tell them apart.
markers!(IoError Pollable InputStream OutputStream);
markers!(Fields IncomingRequest OutgoingRequest RequestOptions ResponseOutparam IncomingResponse);
markers!(IncomingBody FutureTrailers OutgoingResponse OutgoingBody FutureIncomingResponse);
markers!(TerminalInput TerminalOutput Descriptor DirectoryEntryStream);
markers!(Network TcpSocket UdpSocket IncomingDatagramStream OutgoingDatagramStream);
markers!(ResolveAddressStream Bucket);

type R<T> = Resource<T>;

// -- wasi:io -----------------------------------------------------------------------------------

wit_variant!(out StreamError:
    "last-operation-failed" LastOperationFailed(error: Resource<IoError>),
    "closed" Closed,
);

type Streamed<T> = core::result::Result<T, StreamError>;

interface!(io_error:
    resources { "error" IoError, }
    "[method]error.to-debug-string": (R<IoError>) -> Str;
);

interface!(io_poll:
    resources { "pollable" Pollable, }
    "[method]pollable.ready": (R<Pollable>) -> bool;
    "[method]pollable.block"(waits): (R<Pollable>);
    "poll"(waits): (Handles<Pollable>) -> Words;
);

interface!(io_streams:
    resources { "input-stream" InputStream, "output-stream" OutputStream, }
    "[method]input-stream.read": (R<InputStream>, u64) -> Streamed<Bytes>;
    "[method]input-stream.blocking-read"(waits): (R<InputStream>, u64) -> Streamed<Bytes>;
    "[method]input-stream.skip": (R<InputStream>, u64) -> Streamed<u64>;
    "[method]input-stream.blocking-skip"(waits): (R<InputStream>, u64) -> Streamed<u64>;
    "[method]input-stream.subscribe": (R<InputStream>) -> R<Pollable>;
    "[method]output-stream.check-write": (R<OutputStream>) -> Streamed<u64>;
    "[method]output-stream.write": (R<OutputStream>, WasmList<u8>) -> Streamed<()>;
    "[method]output-stream.blocking-write-and-flush"(waits):
        (R<OutputStream>, WasmList<u8>) -> Streamed<()>;
    "[method]output-stream.flush": (R<OutputStream>) -> Streamed<()>;
    "[method]output-stream.blocking-flush"(waits): (R<OutputStream>) -> Streamed<()>;
    "[method]output-stream.subscribe": (R<OutputStream>) -> R<Pollable>;
    "[method]output-stream.write-zeroes": (R<OutputStream>, u64) -> Streamed<()>;
    "[method]output-stream.blocking-write-zeroes-and-flush"(waits):
        (R<OutputStream>, u64) -> Streamed<()>;
    "[method]output-stream.splice": (R<OutputStream>, R<InputStream>, u64) -> Streamed<u64>;
    "[method]output-stream.blocking-splice"(waits):
        (R<OutputStream>, R<InputStream>, u64) -> Streamed<u64>;
);

// -- wasi:clocks, wasi:random, wasi:cli ----------------------------------------------------------

wit_record!(Datetime [Lift, Lower]: "seconds" seconds: u64, "nanoseconds" nanoseconds: u32,);

interface!(clocks_monotonic:
    resources {}
    "now": () -> u64;
    "resolution": () -> u64;
    "subscribe-instant": (u64) -> R<Pollable>;
    "subscribe-duration": (u64) -> R<Pollable>;
);

interface!(clocks_wall:
    resources {}
    "now": () -> Datetime;
    "resolution": () -> Datetime;
);

interface!(random_random:
    resources {}
    "get-random-bytes": (u64) -> Bytes;
    "get-random-u64": () -> u64;
);

interface!(random_insecure:
    resources {}
    "get-insecure-random-bytes": (u64) -> Bytes;
    "get-insecure-random-u64": () -> u64;
);

interface!(random_insecure_seed:
    resources {}
    "insecure-seed": () -> (u64, u64);
);

interface!(cli_environment:
    resources {}
    "get-environment": () -> Vec<(Str, Str)>;
    "get-arguments": () -> Vec<Str>;
    "initial-cwd": () -> Option<Str>;
);

interface!(cli_exit:
    resources {}
    "exit": (Plain);
    "exit-with-code": (u8);
);

interface!(cli_stdin: resources {} "get-stdin": () -> R<InputStream>;);
interface!(cli_stdout: resources {} "get-stdout": () -> R<OutputStream>;);
interface!(cli_stderr: resources {} "get-stderr": () -> R<OutputStream>;);
interface!(cli_terminal_input: resources { "terminal-input" TerminalInput, });
interface!(cli_terminal_output: resources { "terminal-output" TerminalOutput, });
interface!(cli_terminal_stdin:
    resources {} "get-terminal-stdin": () -> Option<R<TerminalInput>>;);
interface!(cli_terminal_stdout:
    resources {} "get-terminal-stdout": () -> Option<R<TerminalOutput>>;);
interface!(cli_terminal_stderr:
    resources {} "get-terminal-stderr": () -> Option<R<TerminalOutput>>;);

// -- wasi:http ---------------------------------------------------------------------------------

wit_variant!(Method<S>:
    "get" Get, "head" Head, "post" Post, "put" Put_, "delete" Delete, "connect" Connect,
    "options" Options, "trace" Trace, "patch" Patch, "other" Other(name: S),
);

wit_variant!(Scheme<S>: "HTTP" Http, "HTTPS" Https, "other" Other(name: S),);

wit_variant!(out HeaderError:
    "invalid-syntax" InvalidSyntax, "forbidden" Forbidden, "immutable" Immutable,);

wit_record!(DnsError<S> [Lift, Lower]:
    "rcode" rcode: Option<S>, "info-code" info_code: Option<u16>,);
wit_record!(TlsAlert<S> [Lift, Lower]:
    "alert-id" id: Option<u8>, "alert-message" message: Option<S>,);
wit_record!(FieldSize<S> [Lift, Lower]:
    "field-name" name: Option<S>, "field-size" size: Option<u32>,);

wit_variant!(HttpError<S>:
    "DNS-timeout" DnsTimeout,
    "DNS-error" DnsError(payload: DnsError<S>),
    "destination-not-found" DestinationNotFound,
    "destination-unavailable" DestinationUnavailable,
    "destination-IP-prohibited" DestinationIpProhibited,
    "destination-IP-unroutable" DestinationIpUnroutable,
    "connection-refused" ConnectionRefused,
    "connection-terminated" ConnectionTerminated,
    "connection-timeout" ConnectionTimeout,
    "connection-read-timeout" ConnectionReadTimeout,
    "connection-write-timeout" ConnectionWriteTimeout,
    "connection-limit-reached" ConnectionLimitReached,
    "TLS-protocol-error" TlsProtocolError,
    "TLS-certificate-error" TlsCertificateError,
    "TLS-alert-received" TlsAlertReceived(payload: TlsAlert<S>),
    "HTTP-request-denied" RequestDenied,
    "HTTP-request-length-required" RequestLengthRequired,
    "HTTP-request-body-size" RequestBodySize(size: Option<u64>),
    "HTTP-request-method-invalid" RequestMethodInvalid,
    "HTTP-request-URI-invalid" RequestUriInvalid,
    "HTTP-request-URI-too-long" RequestUriTooLong,
    "HTTP-request-header-section-size" RequestHeaderSectionSize(size: Option<u32>),
    "HTTP-request-header-size" RequestHeaderSize(size: Option<FieldSize<S>>),
    "HTTP-request-trailer-section-size" RequestTrailerSectionSize(size: Option<u32>),
    "HTTP-request-trailer-size" RequestTrailerSize(size: FieldSize<S>),
    "HTTP-response-incomplete" ResponseIncomplete,
    "HTTP-response-header-section-size" ResponseHeaderSectionSize(size: Option<u32>),
    "HTTP-response-header-size" ResponseHeaderSize(size: FieldSize<S>),
    "HTTP-response-body-size" ResponseBodySize(size: Option<u64>),
    "HTTP-response-trailer-section-size" ResponseTrailerSectionSize(size: Option<u32>),
    "HTTP-response-trailer-size" ResponseTrailerSize(size: FieldSize<S>),
    "HTTP-response-transfer-coding" ResponseTransferCoding(coding: Option<S>),
    "HTTP-response-content-coding" ResponseContentCoding(coding: Option<S>),
    "HTTP-response-timeout" ResponseTimeout,
    "HTTP-upgrade-failed" UpgradeFailed,
    "HTTP-protocol-error" ProtocolError,
    "loop-detected" LoopDetected,
    "configuration-error" ConfigurationError,
    "internal-error" InternalError(message: Option<S>),
);

type Headed<T> = core::result::Result<T, HeaderError>;
type Http<T> = core::result::Result<T, HttpError<Str>>;
type OrNothing<T> = core::result::Result<T, ()>;
type Responded = core::result::Result<R<OutgoingResponse>, HttpError<Text>>;

interface!(http_types:
    resources {
        "fields" Fields,
        "incoming-request" IncomingRequest,
        "outgoing-request" OutgoingRequest,
        "request-options" RequestOptions,
        "response-outparam" ResponseOutparam,
        "incoming-response" IncomingResponse,
        "incoming-body" IncomingBody,
        "future-trailers" FutureTrailers,
        "outgoing-response" OutgoingResponse,
        "outgoing-body" OutgoingBody,
        "future-incoming-response" FutureIncomingResponse,
    }
    "[constructor]fields": () -> R<Fields>;
    "[static]fields.from-list": (WasmList<(Text, WasmList<u8>)>) -> Headed<R<Fields>>;
    "[method]fields.get": (R<Fields>, Text) -> Vec<Bytes>;
    "[method]fields.has": (R<Fields>, Text) -> bool;
    "[method]fields.set": (R<Fields>, Text, WasmList<WasmList<u8>>) -> Headed<()>;
    "[method]fields.delete": (R<Fields>, Text) -> Headed<()>;
    "[method]fields.append": (R<Fields>, Text, WasmList<u8>) -> Headed<()>;
    "[method]fields.entries": (R<Fields>) -> Vec<(Str, Bytes)>;
    "[method]fields.clone": (R<Fields>) -> R<Fields>;
    "[method]incoming-request.method": (R<IncomingRequest>) -> Method<Str>;
    "[method]incoming-request.path-with-query": (R<IncomingRequest>) -> Option<Str>;
    "[method]incoming-request.scheme": (R<IncomingRequest>) -> Option<Scheme<Str>>;
    "[method]incoming-request.authority": (R<IncomingRequest>) -> Option<Str>;
    "[method]incoming-request.headers": (R<IncomingRequest>) -> R<Fields>;
    "[method]incoming-request.consume": (R<IncomingRequest>) -> OrNothing<R<IncomingBody>>;
    "[constructor]outgoing-request": (R<Fields>) -> R<OutgoingRequest>;
    "[method]outgoing-request.body": (R<OutgoingRequest>) -> OrNothing<R<OutgoingBody>>;
    "[method]outgoing-request.method": (R<OutgoingRequest>) -> Method<Str>;
    "[method]outgoing-request.set-method": (R<OutgoingRequest>, Method<Text>) -> Plain;
    "[method]outgoing-request.path-with-query": (R<OutgoingRequest>) -> Option<Str>;
    "[method]outgoing-request.set-path-with-query":
        (R<OutgoingRequest>, Option<Text>) -> Plain;
    "[method]outgoing-request.scheme": (R<OutgoingRequest>) -> Option<Scheme<Str>>;
    "[method]outgoing-request.set-scheme":
        (R<OutgoingRequest>, Option<Scheme<Text>>) -> Plain;
    "[method]outgoing-request.authority": (R<OutgoingRequest>) -> Option<Str>;
    "[method]outgoing-request.set-authority": (R<OutgoingRequest>, Option<Text>) -> Plain;
    "[method]outgoing-request.headers": (R<OutgoingRequest>) -> R<Fields>;
    "[constructor]request-options": () -> R<RequestOptions>;
    "[method]request-options.connect-timeout": (R<RequestOptions>) -> Option<u64>;
    "[method]request-options.set-connect-timeout": (R<RequestOptions>, Option<u64>) -> Plain;
    "[method]request-options.first-byte-timeout": (R<RequestOptions>) -> Option<u64>;
    "[method]request-options.set-first-byte-timeout": (R<RequestOptions>, Option<u64>) -> Plain;
    "[method]request-options.between-bytes-timeout": (R<RequestOptions>) -> Option<u64>;
    "[method]request-options.set-between-bytes-timeout":
        (R<RequestOptions>, Option<u64>) -> Plain;
    "[static]response-outparam.set": (R<ResponseOutparam>, Responded);
    "[method]incoming-response.status": (R<IncomingResponse>) -> u16;
    "[method]incoming-response.headers": (R<IncomingResponse>) -> R<Fields>;
    "[method]incoming-response.consume": (R<IncomingResponse>) -> OrNothing<R<IncomingBody>>;
    "[method]incoming-body.stream": (R<IncomingBody>) -> OrNothing<R<InputStream>>;
    "[static]incoming-body.finish": (R<IncomingBody>) -> R<FutureTrailers>;
    "[method]future-trailers.subscribe": (R<FutureTrailers>) -> R<Pollable>;
    "[method]future-trailers.get":
        (R<FutureTrailers>) -> Option<OrNothing<Http<Option<R<Fields>>>>>;
    "[constructor]outgoing-response": (R<Fields>) -> R<OutgoingResponse>;
    "[method]outgoing-response.status-code": (R<OutgoingResponse>) -> u16;
    "[method]outgoing-response.set-status-code": (R<OutgoingResponse>, u16) -> Plain;
    "[method]outgoing-response.headers": (R<OutgoingResponse>) -> R<Fields>;
    "[method]outgoing-response.body": (R<OutgoingResponse>) -> OrNothing<R<OutgoingBody>>;
    "[method]outgoing-body.write": (R<OutgoingBody>) -> OrNothing<R<OutputStream>>;
    "[static]outgoing-body.finish": (R<OutgoingBody>, Option<R<Fields>>) -> Http<()>;
    "[method]future-incoming-response.subscribe": (R<FutureIncomingResponse>) -> R<Pollable>;
    "[method]future-incoming-response.get":
        (R<FutureIncomingResponse>) -> Option<OrNothing<Http<R<IncomingResponse>>>>;
    "http-error-code": (R<IoError>) -> Option<HttpError<Str>>;
);

interface!(http_outgoing_handler:
    resources {}
    "handle": (R<OutgoingRequest>, Option<R<RequestOptions>>) -> Http<R<FutureIncomingResponse>>;
);

// -- wasi:filesystem ---------------------------------------------------------------------------

wit_enum!(FileError:
    "access" Access, "would-block" WouldBlock, "already" Already, "bad-descriptor" BadDescriptor,
    "busy" Busy, "deadlock" Deadlock, "quota" Quota, "exist" Exist, "file-too-large" FileTooLarge,
    "illegal-byte-sequence" IllegalByteSequence, "in-progress" InProgress,
    "interrupted" Interrupted, "invalid" Invalid, "io" Io, "is-directory" IsDirectory,
    "loop" Loop, "too-many-links" TooManyLinks, "message-size" MessageSize,
    "name-too-long" NameTooLong, "no-device" NoDevice, "no-entry" NoEntry, "no-lock" NoLock,
    "insufficient-memory" InsufficientMemory, "insufficient-space" InsufficientSpace,
    "not-directory" NotDirectory, "not-empty" NotEmpty, "not-recoverable" NotRecoverable,
    "unsupported" Unsupported, "no-tty" NoTty, "no-such-device" NoSuchDevice,
    "overflow" Overflow, "not-permitted" NotPermitted, "pipe" Pipe, "read-only" ReadOnly,
    "invalid-seek" InvalidSeek, "text-file-busy" TextFileBusy, "cross-device" CrossDevice,
);

wit_enum!(DescriptorType:
    "unknown" Unknown, "block-device" BlockDevice, "character-device" CharacterDevice,
    "directory" Directory, "fifo" Fifo, "symbolic-link" SymbolicLink,
    "regular-file" RegularFile, "socket" Socket,
);

wit_enum!(Advice:
    "normal" Normal, "sequential" Sequential, "random" Random, "will-need" WillNeed,
    "dont-need" DontNeed, "no-reuse" NoReuse,
);

wit_flags!(DescriptorFlags:
    "read" READ, "write" WRITE, "file-integrity-sync" FILE_INTEGRITY_SYNC,
    "data-integrity-sync" DATA_INTEGRITY_SYNC, "requested-write-sync" REQUESTED_WRITE_SYNC,
    "mutate-directory" MUTATE_DIRECTORY,
);
wit_flags!(PathFlags: "symlink-follow" SYMLINK_FOLLOW,);
wit_flags!(OpenFlags:
    "create" CREATE, "directory" DIRECTORY, "exclusive" EXCLUSIVE, "truncate" TRUNCATE,);

wit_variant!(in NewTimestamp: "no-change" NoChange, "now" Now, "timestamp" Timestamp(to: Datetime),);

wit_record!(DescriptorStat [Lower]:
    "type" kind: DescriptorType,
    "link-count" link_count: u64,
    "size" size: u64,
    "data-access-timestamp" accessed: Option<Datetime>,
    "data-modification-timestamp" modified: Option<Datetime>,
    "status-change-timestamp" changed: Option<Datetime>,
);
wit_record!(DirectoryEntry [Lower]: "type" kind: DescriptorType, "name" name: Str,);
wit_record!(MetadataHash [Lower]: "lower" lower: u64, "upper" upper: u64,);

type Filed<T> = core::result::Result<T, FileError>;
type D = R<Descriptor>;

interface!(filesystem_types:
    resources { "descriptor" Descriptor, "directory-entry-stream" DirectoryEntryStream, }
    "[method]descriptor.read-via-stream": (D, u64) -> Filed<R<InputStream>>;
    "[method]descriptor.write-via-stream": (D, u64) -> Filed<R<OutputStream>>;
    "[method]descriptor.append-via-stream": (D) -> Filed<R<OutputStream>>;
    "[method]descriptor.advise": (D, u64, u64, Advice) -> Filed<()>;
    "[method]descriptor.sync-data": (D) -> Filed<()>;
    "[method]descriptor.get-flags": (D) -> Filed<DescriptorFlags>;
    "[method]descriptor.get-type": (D) -> Filed<DescriptorType>;
    "[method]descriptor.set-size": (D, u64) -> Filed<()>;
    "[method]descriptor.set-times": (D, NewTimestamp, NewTimestamp) -> Filed<()>;
    "[method]descriptor.read": (D, u64, u64) -> Filed<(Bytes, bool)>;
    "[method]descriptor.write": (D, WasmList<u8>, u64) -> Filed<u64>;
    "[method]descriptor.read-directory": (D) -> Filed<R<DirectoryEntryStream>>;
    "[method]descriptor.sync": (D) -> Filed<()>;
    "[method]descriptor.create-directory-at": (D, Text) -> Filed<()>;
    "[method]descriptor.stat": (D) -> Filed<DescriptorStat>;
    "[method]descriptor.stat-at": (D, PathFlags, Text) -> Filed<DescriptorStat>;
    "[method]descriptor.set-times-at":
        (D, PathFlags, Text, NewTimestamp, NewTimestamp) -> Filed<()>;
    "[method]descriptor.link-at": (D, PathFlags, Text, D, Text) -> Filed<()>;
    "[method]descriptor.open-at": (D, PathFlags, Text, OpenFlags, DescriptorFlags) -> Filed<D>;
    "[method]descriptor.readlink-at": (D, Text) -> Filed<Str>;
    "[method]descriptor.remove-directory-at": (D, Text) -> Filed<()>;
    "[method]descriptor.rename-at": (D, Text, D, Text) -> Filed<()>;
    "[method]descriptor.symlink-at": (D, Text, Text) -> Filed<()>;
    "[method]descriptor.unlink-file-at": (D, Text) -> Filed<()>;
    "[method]descriptor.is-same-object": (D, D) -> bool;
    "[method]descriptor.metadata-hash": (D) -> Filed<MetadataHash>;
    "[method]descriptor.metadata-hash-at": (D, PathFlags, Text) -> Filed<MetadataHash>;
    "[method]directory-entry-stream.read-directory-entry":
        (R<DirectoryEntryStream>) -> Filed<Option<DirectoryEntry>>;
    "filesystem-error-code": (R<IoError>) -> Option<FileError>;
);

interface!(filesystem_preopens:
    resources {}
    "get-directories": () -> Vec<(D, Str)>;
);

// -- wasi:sockets ------------------------------------------------------------------------------

wit_enum!(SocketError:
    "unknown" Unknown, "access-denied" AccessDenied, "not-supported" NotSupported,
    "invalid-argument" InvalidArgument, "out-of-memory" OutOfMemory, "timeout" Timeout,
    "concurrency-conflict" ConcurrencyConflict, "not-in-progress" NotInProgress,
    "would-block" WouldBlock, "invalid-state" InvalidState, "new-socket-limit" NewSocketLimit,
    "address-not-bindable" AddressNotBindable, "address-in-use" AddressInUse,
    "remote-unreachable" RemoteUnreachable, "connection-refused" ConnectionRefused,
    "connection-reset" ConnectionReset, "connection-aborted" ConnectionAborted,
    "datagram-too-large" DatagramTooLarge, "name-unresolvable" NameUnresolvable,
    "temporary-resolver-failure" TemporaryResolverFailure,
    "permanent-resolver-failure" PermanentResolverFailure,
);
wit_enum!(AddressFamily: "ipv4" Ipv4, "ipv6" Ipv6,);
wit_enum!(ShutdownType: "receive" Receive, "send" Send, "both" Both,);

type Ipv4 = (u8, u8, u8, u8);
type Ipv6 = (u16, u16, u16, u16, u16, u16, u16, u16);

wit_record!(Ipv4Socket [Lift, Lower]: "port" port: u16, "address" address: Ipv4,);
wit_record!(Ipv6Socket [Lift, Lower]:
    "port" port: u16, "flow-info" flow_info: u32, "address" address: Ipv6, "scope-id" scope: u32,);
wit_variant!(out IpAddress: "ipv4" V4(address: Ipv4), "ipv6" V6(address: Ipv6),);

wit_variant!(SocketAddress: "ipv4" V4(address: Ipv4Socket), "ipv6" V6(address: Ipv6Socket),);
wit_record!(IncomingDatagram [Lower]: "data" data: Bytes, "remote-address" remote: SocketAddress,);
wit_record!(OutgoingDatagram [Lift]:
    "data" data: WasmList<u8>, "remote-address" remote: Option<SocketAddress>,);

lists!(OutgoingDatagram);

type Socketed<T> = core::result::Result<T, SocketError>;
type Tcp = R<TcpSocket>;
type Udp = R<UdpSocket>;

interface!(sockets_network: resources { "network" Network, });
interface!(sockets_instance_network: resources {} "instance-network": () -> R<Network>;);

interface!(sockets_ip_name_lookup:
    resources { "resolve-address-stream" ResolveAddressStream, }
    "resolve-addresses": (R<Network>, Text) -> Socketed<R<ResolveAddressStream>>;
    "[method]resolve-address-stream.resolve-next-address":
        (R<ResolveAddressStream>) -> Socketed<Option<IpAddress>>;
    "[method]resolve-address-stream.subscribe": (R<ResolveAddressStream>) -> R<Pollable>;
);

interface!(sockets_tcp:
    resources { "tcp-socket" TcpSocket, }
    "[method]tcp-socket.start-bind": (Tcp, R<Network>, SocketAddress) -> Socketed<()>;
    "[method]tcp-socket.finish-bind": (Tcp) -> Socketed<()>;
    "[method]tcp-socket.start-connect": (Tcp, R<Network>, SocketAddress) -> Socketed<()>;
    "[method]tcp-socket.finish-connect": (Tcp) -> Socketed<(R<InputStream>, R<OutputStream>)>;
    "[method]tcp-socket.start-listen": (Tcp) -> Socketed<()>;
    "[method]tcp-socket.finish-listen": (Tcp) -> Socketed<()>;
    "[method]tcp-socket.accept": (Tcp) -> Socketed<(Tcp, R<InputStream>, R<OutputStream>)>;
    "[method]tcp-socket.local-address": (Tcp) -> Socketed<SocketAddress>;
    "[method]tcp-socket.remote-address": (Tcp) -> Socketed<SocketAddress>;
    "[method]tcp-socket.is-listening": (Tcp) -> bool;
    "[method]tcp-socket.address-family": (Tcp) -> AddressFamily;
    "[method]tcp-socket.set-listen-backlog-size": (Tcp, u64) -> Socketed<()>;
    "[method]tcp-socket.keep-alive-enabled": (Tcp) -> Socketed<bool>;
    "[method]tcp-socket.set-keep-alive-enabled": (Tcp, bool) -> Socketed<()>;
    "[method]tcp-socket.keep-alive-idle-time": (Tcp) -> Socketed<u64>;
    "[method]tcp-socket.set-keep-alive-idle-time": (Tcp, u64) -> Socketed<()>;
    "[method]tcp-socket.keep-alive-interval": (Tcp) -> Socketed<u64>;
    "[method]tcp-socket.set-keep-alive-interval": (Tcp, u64) -> Socketed<()>;
    "[method]tcp-socket.keep-alive-count": (Tcp) -> Socketed<u32>;
    "[method]tcp-socket.set-keep-alive-count": (Tcp, u32) -> Socketed<()>;
    "[method]tcp-socket.hop-limit": (Tcp) -> Socketed<u8>;
    "[method]tcp-socket.set-hop-limit": (Tcp, u8) -> Socketed<()>;
    "[method]tcp-socket.receive-buffer-size": (Tcp) -> Socketed<u64>;
    "[method]tcp-socket.set-receive-buffer-size": (Tcp, u64) -> Socketed<()>;
    "[method]tcp-socket.send-buffer-size": (Tcp) -> Socketed<u64>;
    "[method]tcp-socket.set-send-buffer-size": (Tcp, u64) -> Socketed<()>;
    "[method]tcp-socket.subscribe": (Tcp) -> R<Pollable>;
    "[method]tcp-socket.shutdown": (Tcp, ShutdownType) -> Socketed<()>;
);

interface!(sockets_tcp_create:
    resources {}
    "create-tcp-socket": (AddressFamily) -> Socketed<Tcp>;
);

interface!(sockets_udp:
    resources {
        "udp-socket" UdpSocket,
        "incoming-datagram-stream" IncomingDatagramStream,
        "outgoing-datagram-stream" OutgoingDatagramStream,
    }
    "[method]udp-socket.start-bind": (Udp, R<Network>, SocketAddress) -> Socketed<()>;
    "[method]udp-socket.finish-bind": (Udp) -> Socketed<()>;
    "[method]udp-socket.stream": (Udp, Option<SocketAddress>)
        -> Socketed<(R<IncomingDatagramStream>, R<OutgoingDatagramStream>)>;
    "[method]udp-socket.local-address": (Udp) -> Socketed<SocketAddress>;
    "[method]udp-socket.remote-address": (Udp) -> Socketed<SocketAddress>;
    "[method]udp-socket.address-family": (Udp) -> AddressFamily;
    "[method]udp-socket.unicast-hop-limit": (Udp) -> Socketed<u8>;
    "[method]udp-socket.set-unicast-hop-limit": (Udp, u8) -> Socketed<()>;
    "[method]udp-socket.receive-buffer-size": (Udp) -> Socketed<u64>;
    "[method]udp-socket.set-receive-buffer-size": (Udp, u64) -> Socketed<()>;
    "[method]udp-socket.send-buffer-size": (Udp) -> Socketed<u64>;
    "[method]udp-socket.set-send-buffer-size": (Udp, u64) -> Socketed<()>;
    "[method]udp-socket.subscribe": (Udp) -> R<Pollable>;
    "[method]incoming-datagram-stream.receive":
        (R<IncomingDatagramStream>, u64) -> Socketed<Vec<IncomingDatagram>>;
    "[method]incoming-datagram-stream.subscribe": (R<IncomingDatagramStream>) -> R<Pollable>;
    "[method]outgoing-datagram-stream.check-send": (R<OutgoingDatagramStream>) -> Socketed<u64>;
    "[method]outgoing-datagram-stream.send":
        (R<OutgoingDatagramStream>, WasmList<OutgoingDatagram>) -> Socketed<u64>;
    "[method]outgoing-datagram-stream.subscribe": (R<OutgoingDatagramStream>) -> R<Pollable>;
);

interface!(sockets_udp_create:
    resources {}
    "create-udp-socket": (AddressFamily) -> Socketed<Udp>;
);

// -- wasi:config@0.2.0-rc.1 and -draft, wasi:keyvalue@0.2.0-draft --------------------------------

wit_variant!(out ConfigError: "upstream" Upstream(why: Str), "io" Io(why: Str),);

type Configured<T> = core::result::Result<T, ConfigError>;

interface!(config_store:
    resources {}
    "get": (Text) -> Configured<Option<Str>>;
    "get-all": () -> Configured<Vec<(Str, Str)>>;
);

wit_variant!(out KeyvalueError:
    "no-such-store" NoSuchStore, "access-denied" AccessDenied, "other" Other(why: Str),);
wit_record!(KeyResponse [Lower]: "keys" keys: Vec<Str>, "cursor" cursor: Option<u64>,);

type Kept<T> = core::result::Result<T, KeyvalueError>;
type B = R<Bucket>;

interface!(keyvalue_store:
    resources { "bucket" Bucket, }
    "open": (Text) -> Kept<B>;
    "[method]bucket.get": (B, Text) -> Kept<Option<Bytes>>;
    "[method]bucket.set": (B, Text, WasmList<u8>) -> Kept<()>;
    "[method]bucket.delete": (B, Text) -> Kept<()>;
    "[method]bucket.exists": (B, Text) -> Kept<bool>;
    "[method]bucket.list-keys": (B, Option<u64>) -> Kept<KeyResponse>;
);

interface!(keyvalue_atomics:
    resources {}
    "increment": (B, Text, u64) -> Kept<u64>;
);

interface!(keyvalue_batch:
    resources {}
    "get-many": (B, WasmList<Text>) -> Kept<Vec<Option<(Str, Bytes)>>>;
    "set-many": (B, WasmList<(Text, WasmList<u8>)>) -> Kept<()>;
    "delete-many": (B, WasmList<Text>) -> Kept<()>;
);

// -- all of them -------------------------------------------------------------------------------

/// Declares all of an interface, given by its name without a version; false when there is none.
pub fn declare(name: &str, interface: &mut Interface<'_>) -> Result<bool> {
    let declare = match name {
        "wasi:io/error" => io_error,
        "wasi:io/poll" => io_poll,
        "wasi:io/streams" => io_streams,
        "wasi:clocks/monotonic-clock" => clocks_monotonic,
        "wasi:clocks/wall-clock" => clocks_wall,
        "wasi:random/random" => random_random,
        "wasi:random/insecure" => random_insecure,
        "wasi:random/insecure-seed" => random_insecure_seed,
        "wasi:cli/environment" => cli_environment,
        "wasi:cli/exit" => cli_exit,
        "wasi:cli/stdin" => cli_stdin,
        "wasi:cli/stdout" => cli_stdout,
        "wasi:cli/stderr" => cli_stderr,
        "wasi:cli/terminal-input" => cli_terminal_input,
        "wasi:cli/terminal-output" => cli_terminal_output,
        "wasi:cli/terminal-stdin" => cli_terminal_stdin,
        "wasi:cli/terminal-stdout" => cli_terminal_stdout,
        "wasi:cli/terminal-stderr" => cli_terminal_stderr,
        "wasi:http/types" => http_types,
        "wasi:http/outgoing-handler" => http_outgoing_handler,
        "wasi:filesystem/types" => filesystem_types,
        "wasi:filesystem/preopens" => filesystem_preopens,
        "wasi:sockets/network" => sockets_network,
        "wasi:sockets/instance-network" => sockets_instance_network,
        "wasi:sockets/ip-name-lookup" => sockets_ip_name_lookup,
        "wasi:sockets/tcp" => sockets_tcp,
        "wasi:sockets/tcp-create-socket" => sockets_tcp_create,
        "wasi:sockets/udp" => sockets_udp,
        "wasi:sockets/udp-create-socket" => sockets_udp_create,
        "wasi:config/store" | "wasi:config/runtime" => config_store,
        "wasi:keyvalue/store" => keyvalue_store,
        "wasi:keyvalue/atomics" => keyvalue_atomics,
        "wasi:keyvalue/batch" => keyvalue_batch,
        _ => return Ok(false),
    };
    declare(interface)?;
    Ok(true)
}
