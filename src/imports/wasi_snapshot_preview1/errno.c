/* The one place where host errnos become WASI numbers. See abi.h. */
#include <errno.h>
#include <stddef.h>

#include "base/container.h"
#include "imports/wasi_snapshot_preview1/abi.h"

static const uint8_t numbers[] = {
    [E2BIG] = WASI_E2BIG,
    [EACCES] = WASI_EACCES,
    [EADDRINUSE] = WASI_EADDRINUSE,
    [EADDRNOTAVAIL] = WASI_EADDRNOTAVAIL,
    [EAFNOSUPPORT] = WASI_EAFNOSUPPORT,
    [EAGAIN] = WASI_EAGAIN,
    [EALREADY] = WASI_EALREADY,
    [EBADF] = WASI_EBADF,
    [EBADMSG] = WASI_EBADMSG,
    [EBUSY] = WASI_EBUSY,
    [ECANCELED] = WASI_ECANCELED,
    [ECHILD] = WASI_ECHILD,
    [ECONNABORTED] = WASI_ECONNABORTED,
    [ECONNREFUSED] = WASI_ECONNREFUSED,
    [ECONNRESET] = WASI_ECONNRESET,
    [EDEADLK] = WASI_EDEADLK,
    [EDESTADDRREQ] = WASI_EDESTADDRREQ,
    [EDOM] = WASI_EDOM,
    [EDQUOT] = WASI_EDQUOT,
    [EEXIST] = WASI_EEXIST,
    [EFAULT] = WASI_EFAULT,
    [EFBIG] = WASI_EFBIG,
    [EHOSTUNREACH] = WASI_EHOSTUNREACH,
    [EIDRM] = WASI_EIDRM,
    [EILSEQ] = WASI_EILSEQ,
    [EINPROGRESS] = WASI_EINPROGRESS,
    [EINTR] = WASI_EINTR,
    [EINVAL] = WASI_EINVAL,
    [EIO] = WASI_EIO,
    [EISCONN] = WASI_EISCONN,
    [EISDIR] = WASI_EISDIR,
    [ELOOP] = WASI_ELOOP,
    [EMFILE] = WASI_EMFILE,
    [EMLINK] = WASI_EMLINK,
    [EMSGSIZE] = WASI_EMSGSIZE,
    [EMULTIHOP] = WASI_EMULTIHOP,
    [ENAMETOOLONG] = WASI_ENAMETOOLONG,
    [ENETDOWN] = WASI_ENETDOWN,
    [ENETRESET] = WASI_ENETRESET,
    [ENETUNREACH] = WASI_ENETUNREACH,
    [ENFILE] = WASI_ENFILE,
    [ENOBUFS] = WASI_ENOBUFS,
    [ENODEV] = WASI_ENODEV,
    [ENOENT] = WASI_ENOENT,
    [ENOEXEC] = WASI_ENOEXEC,
    [ENOLCK] = WASI_ENOLCK,
    [ENOLINK] = WASI_ENOLINK,
    [ENOMEM] = WASI_ENOMEM,
    [ENOMSG] = WASI_ENOMSG,
    [ENOPROTOOPT] = WASI_ENOPROTOOPT,
    [ENOSPC] = WASI_ENOSPC,
    [ENOSYS] = WASI_ENOSYS,
    [ENOTCONN] = WASI_ENOTCONN,
    [ENOTDIR] = WASI_ENOTDIR,
    [ENOTEMPTY] = WASI_ENOTEMPTY,
    [ENOTRECOVERABLE] = WASI_ENOTRECOVERABLE,
    [ENOTSOCK] = WASI_ENOTSOCK,
    [ENOTSUP] = WASI_ENOTSUP,
    [ENOTTY] = WASI_ENOTTY,
    [ENXIO] = WASI_ENXIO,
    [EOVERFLOW] = WASI_EOVERFLOW,
    [EOWNERDEAD] = WASI_EOWNERDEAD,
    [EPERM] = WASI_EPERM,
    [EPIPE] = WASI_EPIPE,
    [EPROTO] = WASI_EPROTO,
    [EPROTONOSUPPORT] = WASI_EPROTONOSUPPORT,
    [EPROTOTYPE] = WASI_EPROTOTYPE,
    [ERANGE] = WASI_ERANGE,
    [EROFS] = WASI_EROFS,
    [ESPIPE] = WASI_ESPIPE,
    [ESRCH] = WASI_ESRCH,
    [ESTALE] = WASI_ESTALE,
    [ETIMEDOUT] = WASI_ETIMEDOUT,
    [ETXTBSY] = WASI_ETXTBSY,
    [EXDEV] = WASI_EXDEV,
    [ESHUTDOWN] = WASI_EPIPE,
    [ENOTBLK] = WASI_EINVAL,
    [ENODATA] = WASI_EIO,
};

static const char *const names[] = {
    "SUCCESS",     "2BIG",           "ACCES",        "ADDRINUSE",   "ADDRNOTAVAIL",
    "AFNOSUPPORT", "AGAIN",          "ALREADY",      "BADF",        "BADMSG",
    "BUSY",        "CANCELED",       "CHILD",        "CONNABORTED", "CONNREFUSED",
    "CONNRESET",   "DEADLK",         "DESTADDRREQ",  "DOM",         "DQUOT",
    "EXIST",       "FAULT",          "FBIG",         "HOSTUNREACH", "IDRM",
    "ILSEQ",       "INPROGRESS",     "INTR",         "INVAL",       "IO",
    "ISCONN",      "ISDIR",          "LOOP",         "MFILE",       "MLINK",
    "MSGSIZE",     "MULTIHOP",       "NAMETOOLONG",  "NETDOWN",     "NETRESET",
    "NETUNREACH",  "NFILE",          "NOBUFS",       "NODEV",       "NOENT",
    "NOEXEC",      "NOLCK",          "NOLINK",       "NOMEM",       "NOMSG",
    "NOPROTOOPT",  "NOSPC",          "NOSYS",        "NOTCONN",     "NOTDIR",
    "NOTEMPTY",    "NOTRECOVERABLE", "NOTSOCK",      "NOTSUP",      "NOTTY",
    "NXIO",        "OVERFLOW",       "OWNERDEAD",    "PERM",        "PIPE",
    "PROTO",       "PROTONOSUPPORT", "PROTOTYPE",    "RANGE",       "ROFS",
    "SPIPE",       "SRCH",           "STALE",        "TIMEDOUT",    "TXTBSY",
    "XDEV",        "NOTCAPABLE",     "AIADDRFAMILY", "AIAGAIN",     "AIBADFLAG",
    "AIFAIL",      "AIFAMILY",       "AIMEMORY",     "AINODATA",    "AINONAME",
    "AISERVICE",   "AISOCKTYPE",     "AISYSTEM",
};

int32_t wasi_errno_from(int64_t result)
{
    if (result >= 0) {
        return WASI_ESUCCESS;
    }
    if (result < -(int64_t)ARRAY_COUNT(numbers) + 1 || numbers[-result] == 0) {
        return WASI_EIO;
    }
    return numbers[-result];
}

const char *wasi_errno_name(int32_t number)
{
    return number >= 0 && (size_t)number < ARRAY_COUNT(names) ? names[number] : "?";
}
