/* The one place where the host's errnos and types of files become wasi:filesystem's. See
 * filesystem.h. */
#include <dirent.h>
#include <errno.h>

#include "base/container.h"
#include "imports/wasi_filesystem/filesystem.h"

/* One more than the code, so that 0 says: none. */
#define CODE(name) ((uint8_t)((name) + 1))

static const uint8_t codes[] = {
    [EACCES] = CODE(FS_ACCESS),
    [EAGAIN] = CODE(FS_WOULD_BLOCK),
    [EALREADY] = CODE(FS_ALREADY),
    [EBADF] = CODE(FS_BAD_DESCRIPTOR),
    [EBUSY] = CODE(FS_BUSY),
    [EDEADLK] = CODE(FS_DEADLOCK),
    [EDQUOT] = CODE(FS_QUOTA),
    [EEXIST] = CODE(FS_EXIST),
    [EFBIG] = CODE(FS_FILE_TOO_LARGE),
    [EILSEQ] = CODE(FS_ILLEGAL_BYTE_SEQUENCE),
    [EINPROGRESS] = CODE(FS_IN_PROGRESS),
    [EINTR] = CODE(FS_INTERRUPTED),
    [EINVAL] = CODE(FS_INVALID),
    [EIO] = CODE(FS_IO),
    [EISDIR] = CODE(FS_IS_DIRECTORY),
    [ELOOP] = CODE(FS_LOOP),
    [EMFILE] = CODE(FS_INSUFFICIENT_MEMORY),
    [EMLINK] = CODE(FS_TOO_MANY_LINKS),
    [EMSGSIZE] = CODE(FS_MESSAGE_SIZE),
    [ENAMETOOLONG] = CODE(FS_NAME_TOO_LONG),
    [ENFILE] = CODE(FS_INSUFFICIENT_MEMORY),
    [ENODEV] = CODE(FS_NO_DEVICE),
    [ENOENT] = CODE(FS_NO_ENTRY),
    [ENOLCK] = CODE(FS_NO_LOCK),
    [ENOMEM] = CODE(FS_INSUFFICIENT_MEMORY),
    [ENOSPC] = CODE(FS_INSUFFICIENT_SPACE),
    [ENOSYS] = CODE(FS_UNSUPPORTED),
    [ENOTDIR] = CODE(FS_NOT_DIRECTORY),
    [ENOTEMPTY] = CODE(FS_NOT_EMPTY),
    [ENOTRECOVERABLE] = CODE(FS_NOT_RECOVERABLE),
    [ENOTSUP] = CODE(FS_UNSUPPORTED),
    [ENOTTY] = CODE(FS_NO_TTY),
    [ENXIO] = CODE(FS_NO_SUCH_DEVICE),
    [EOVERFLOW] = CODE(FS_OVERFLOW),
    [EPERM] = CODE(FS_NOT_PERMITTED),
    [EPIPE] = CODE(FS_PIPE),
    [EROFS] = CODE(FS_READ_ONLY),
    [ESPIPE] = CODE(FS_INVALID_SEEK),
    [ETXTBSY] = CODE(FS_TEXT_FILE_BUSY),
    [EXDEV] = CODE(FS_CROSS_DEVICE),
};

enum fs_error fs_error_from(int64_t r)
{
    if (r >= 0 || r <= -(int64_t)ARRAY_COUNT(codes) || codes[-r] == 0) {
        return FS_IO;
    }
    return (enum fs_error)(codes[-r] - 1);
}

enum fs_type fs_type_from(uint8_t d_type)
{
    static const uint8_t types[] = {
        [DT_BLK] = FS_TYPE_BLOCK_DEVICE,  [DT_CHR] = FS_TYPE_CHARACTER_DEVICE,
        [DT_DIR] = FS_TYPE_DIRECTORY,     [DT_FIFO] = FS_TYPE_FIFO,
        [DT_LNK] = FS_TYPE_SYMBOLIC_LINK, [DT_REG] = FS_TYPE_REGULAR_FILE,
        [DT_SOCK] = FS_TYPE_SOCKET,
    };
    return d_type < ARRAY_COUNT(types) ? (enum fs_type)types[d_type] : FS_TYPE_UNKNOWN;
}
