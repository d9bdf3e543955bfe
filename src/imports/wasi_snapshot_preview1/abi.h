/* preview1's binary interface: numbers, sizes and offsets, from wasi_snapshot_preview1.witx.
 * All integers in guest memory are little-endian. */
#ifndef HYTHE_IMPORTS_WASI_SNAPSHOT_PREVIEW1_ABI_H
#define HYTHE_IMPORTS_WASI_SNAPSHOT_PREVIEW1_ABI_H

#include <stdint.h>

/* $errno; 77 and up are what WasmEdge's sock_getaddrinfo adds. */
enum wasi_errno {
    WASI_ESUCCESS = 0,
    WASI_E2BIG = 1,
    WASI_EACCES = 2,
    WASI_EADDRINUSE = 3,
    WASI_EADDRNOTAVAIL = 4,
    WASI_EAFNOSUPPORT = 5,
    WASI_EAGAIN = 6,
    WASI_EALREADY = 7,
    WASI_EBADF = 8,
    WASI_EBADMSG = 9,
    WASI_EBUSY = 10,
    WASI_ECANCELED = 11,
    WASI_ECHILD = 12,
    WASI_ECONNABORTED = 13,
    WASI_ECONNREFUSED = 14,
    WASI_ECONNRESET = 15,
    WASI_EDEADLK = 16,
    WASI_EDESTADDRREQ = 17,
    WASI_EDOM = 18,
    WASI_EDQUOT = 19,
    WASI_EEXIST = 20,
    WASI_EFAULT = 21,
    WASI_EFBIG = 22,
    WASI_EHOSTUNREACH = 23,
    WASI_EIDRM = 24,
    WASI_EILSEQ = 25,
    WASI_EINPROGRESS = 26,
    WASI_EINTR = 27,
    WASI_EINVAL = 28,
    WASI_EIO = 29,
    WASI_EISCONN = 30,
    WASI_EISDIR = 31,
    WASI_ELOOP = 32,
    WASI_EMFILE = 33,
    WASI_EMLINK = 34,
    WASI_EMSGSIZE = 35,
    WASI_EMULTIHOP = 36,
    WASI_ENAMETOOLONG = 37,
    WASI_ENETDOWN = 38,
    WASI_ENETRESET = 39,
    WASI_ENETUNREACH = 40,
    WASI_ENFILE = 41,
    WASI_ENOBUFS = 42,
    WASI_ENODEV = 43,
    WASI_ENOENT = 44,
    WASI_ENOEXEC = 45,
    WASI_ENOLCK = 46,
    WASI_ENOLINK = 47,
    WASI_ENOMEM = 48,
    WASI_ENOMSG = 49,
    WASI_ENOPROTOOPT = 50,
    WASI_ENOSPC = 51,
    WASI_ENOSYS = 52,
    WASI_ENOTCONN = 53,
    WASI_ENOTDIR = 54,
    WASI_ENOTEMPTY = 55,
    WASI_ENOTRECOVERABLE = 56,
    WASI_ENOTSOCK = 57,
    WASI_ENOTSUP = 58,
    WASI_ENOTTY = 59,
    WASI_ENXIO = 60,
    WASI_EOVERFLOW = 61,
    WASI_EOWNERDEAD = 62,
    WASI_EPERM = 63,
    WASI_EPIPE = 64,
    WASI_EPROTO = 65,
    WASI_EPROTONOSUPPORT = 66,
    WASI_EPROTOTYPE = 67,
    WASI_ERANGE = 68,
    WASI_EROFS = 69,
    WASI_ESPIPE = 70,
    WASI_ESRCH = 71,
    WASI_ESTALE = 72,
    WASI_ETIMEDOUT = 73,
    WASI_ETXTBSY = 74,
    WASI_EXDEV = 75,
    WASI_ENOTCAPABLE = 76,
    WASI_EAIADDRFAMILY = 77,
    WASI_EAIAGAIN = 78,
    WASI_EAIBADFLAG = 79,
    WASI_EAIFAIL = 80,
    WASI_EAIFAMILY = 81,
    WASI_EAIMEMORY = 82,
    WASI_EAINODATA = 83,
    WASI_EAINONAME = 84,
    WASI_EAISERVICE = 85,
    WASI_EAISOCKTYPE = 86,
    WASI_EAISYSTEM = 87,
};

/* $clockid */
enum wasi_clock {
    WASI_CLOCK_REALTIME = 0,
    WASI_CLOCK_MONOTONIC = 1,
    WASI_CLOCK_PROCESS_CPUTIME = 2,
    WASI_CLOCK_THREAD_CPUTIME = 3,
};

/* $subscription and $event; their tags are $eventtype. */
enum {
    WASI_EVENT_CLOCK = 0,
    WASI_EVENT_FD_READ = 1,
    WASI_EVENT_FD_WRITE = 2,

    WASI_SUBSCRIPTION_SIZE = 48,
    WASI_SUBSCRIPTION_USERDATA = 0,       /* u64 */
    WASI_SUBSCRIPTION_TAG = 8,            /* u8 */
    WASI_SUBSCRIPTION_FD = 16,            /* u32, tags FD_READ and FD_WRITE */
    WASI_SUBSCRIPTION_CLOCK_ID = 16,      /* u32, tag CLOCK */
    WASI_SUBSCRIPTION_CLOCK_TIMEOUT = 24, /* u64 nanoseconds */
    WASI_SUBSCRIPTION_CLOCK_FLAGS = 40,   /* u16 */
    WASI_CLOCK_ABSTIME = 1,

    WASI_EVENT_SIZE = 32,
    WASI_EVENT_USERDATA = 0, /* u64 */
    WASI_EVENT_ERROR = 8,    /* u16 */
    WASI_EVENT_TYPE = 10,    /* u8 */
    WASI_EVENT_NBYTES = 16,  /* u64 */
    WASI_EVENT_FLAGS = 24,   /* u16 */
    WASI_EVENT_HANGUP = 1,
};

/* $iovec and $ciovec: u32 address, u32 length. */
enum { WASI_IOVEC_SIZE = 8, WASI_IOVEC_MAX = 1024 };

/* $fdstat */
enum {
    WASI_FDSTAT_SIZE = 24,
    WASI_FDSTAT_FILETYPE = 0,          /* u8 */
    WASI_FDSTAT_FLAGS = 2,             /* u16 */
    WASI_FDSTAT_RIGHTS = 8,            /* u64 */
    WASI_FDSTAT_RIGHTS_INHERITING = 16 /* u64 */
};

/* $prestat: u8 tag, u32 name_len at 4. Tag 1 is no part of preview1: libraries skip it. */
enum { WASI_PRESTAT_SIZE = 8, WASI_PRESTAT_DIR = 0, WASI_PRESTAT_SOCKET = 1 };

/* $filestat */
enum {
    WASI_FILESTAT_SIZE = 64,
    WASI_FILESTAT_DEV = 0,       /* u64 */
    WASI_FILESTAT_INO = 8,       /* u64 */
    WASI_FILESTAT_FILETYPE = 16, /* u8 */
    WASI_FILESTAT_NLINK = 24,    /* u64 */
    WASI_FILESTAT_FILESIZE = 32, /* u64 */
    WASI_FILESTAT_ATIM = 40,     /* u64 nanoseconds */
    WASI_FILESTAT_MTIM = 48,
    WASI_FILESTAT_CTIM = 56,
};

/* $dirent, followed by the name */
enum {
    WASI_DIRENT_SIZE = 24,
    WASI_DIRENT_NEXT = 0,    /* u64 cookie of the entry behind this one */
    WASI_DIRENT_INO = 8,     /* u64 */
    WASI_DIRENT_NAMLEN = 16, /* u32 */
    WASI_DIRENT_TYPE = 20,   /* u8 */
};

/* $lookupflags, $oflags, $fstflags, $whence, $riflags, $roflags, $sdflags */
enum {
    WASI_LOOKUP_SYMLINK_FOLLOW = 1,
    WASI_O_CREAT = 1,
    WASI_O_DIRECTORY = 2,
    WASI_O_EXCL = 4,
    WASI_O_TRUNC = 8,
    WASI_O_ALL = 15,
    WASI_FST_ATIM = 1,
    WASI_FST_ATIM_NOW = 2,
    WASI_FST_MTIM = 4,
    WASI_FST_MTIM_NOW = 8,
    WASI_FST_ALL = 15,
    WASI_WHENCE_SET = 0,
    WASI_WHENCE_CUR = 1,
    WASI_WHENCE_END = 2,
    WASI_RI_PEEK = 1,
    WASI_RI_WAITALL = 2,
    WASI_RO_TRUNCATED = 1,
    WASI_SD_RD = 1,
    WASI_SD_WR = 2,
};

/* $rights, by bit number */
enum {
    WASI_RIGHT_FD_DATASYNC = 0,
    WASI_RIGHT_FD_READ = 1,
    WASI_RIGHT_FD_SEEK = 2,
    WASI_RIGHT_FD_FDSTAT_SET_FLAGS = 3,
    WASI_RIGHT_FD_SYNC = 4,
    WASI_RIGHT_FD_TELL = 5,
    WASI_RIGHT_FD_WRITE = 6,
    WASI_RIGHT_FD_ADVISE = 7,
    WASI_RIGHT_FD_ALLOCATE = 8,
    WASI_RIGHT_PATH_CREATE_DIRECTORY = 9, /* the first of those for directories ... */
    WASI_RIGHT_FD_READDIR = 14,
    WASI_RIGHT_PATH_FILESTAT_SET_TIMES = 20, /* ... of which this is the last in a row */
    WASI_RIGHT_FD_FILESTAT_GET = 21,
    WASI_RIGHT_FD_FILESTAT_SET_SIZE = 22,
    WASI_RIGHT_FD_FILESTAT_SET_TIMES = 23,
    WASI_RIGHT_PATH_SYMLINK = 24,
    WASI_RIGHT_PATH_REMOVE_DIRECTORY = 25,
    WASI_RIGHT_PATH_UNLINK_FILE = 26,
    WASI_RIGHT_POLL_FD_READWRITE = 27,
    WASI_RIGHT_SOCK_SHUTDOWN = 28,
    WASI_RIGHT_SOCK_ACCEPT = 29,
    WASI_RIGHTS_ALL = (1 << 30) - 1,
};

/* The WASI number for 0 or a negative errno; WASI_EIO for one that has none. */
int32_t wasi_errno_from(int64_t result);

/* The name of a WASI number, "AGAIN"; "?" for an unknown one. */
const char *wasi_errno_name(int32_t number);

#endif
