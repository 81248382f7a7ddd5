/* SPDX-License-Identifier: MIT */
/* Files for keys: created for their owner alone, and never overwritten by accident. */
#include <p2p/x509.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"

/* What the name of a temporary file adds to that of the real one. */
#define TEMPORARY ".XXXXXX"
#define MAX_PATH  4096u

static int error_of(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return P2P_ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return P2P_ERR_PERMISSION;
    case EEXIST:
        return P2P_ERR_IN_USE;
    default:
        return P2P_ERR_IO;
    }
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO;
        if (n <= 0)
            return P2P_ERR_IO;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Close and remove after a failure: errno stays that of the failure, for whoever is to be told. */
static void close_failed(int fd)
{
    int number = errno;
    close(fd);
    errno = number;
}

static void remove_failed(const char *path)
{
    int number = errno;
    unlink(path);
    errno = number;
}

/* Writes, makes it last, and closes the descriptor in any case. */
static int fill(int fd, const void *data, size_t len)
{
    int err = write_all(fd, data, len);
    if (!err && fsync(fd))
        err = P2P_ERR_IO;
    if (err)
        close_failed(fd);
    else if (close(fd))
        err = P2P_ERR_IO;
    return err;
}

static int write_new(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_of(errno);
    int err = fill(fd, data, len);
    if (err)
        remove_failed(path);
    return err;
}

/* Writes a file beside the old one, and puts it in its place: who reads sees one or the other. */
static int replace(const char *path, const void *data, size_t len)
{
    char temporary[MAX_PATH + sizeof TEMPORARY];
    snprintf(temporary, sizeof temporary, "%s%s", path, TEMPORARY);
    int fd = mkstemp(temporary); /* with mode 0600 */
    if (fd < 0)
        return error_of(errno);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    int err = fill(fd, data, len);
    if (!err && rename(temporary, path))
        err = error_of(errno);
    if (err)
        remove_failed(temporary);
    return err;
}

static int path_is_good(const char *path)
{
    size_t len = strlen(path);
    return len > 0 && len < MAX_PATH;
}

int p2p_key_file_write(const char *path, const void *data, size_t data_len, unsigned flags)
{
    if (!path_is_good(path) || (flags & ~P2P_KEY_FILE_OVERWRITE))
        return P2P_ERR_INVALID;
    if (data_len > P2P_PEM_MAX)
        return P2P_ERR_LIMIT;
    if (flags & P2P_KEY_FILE_OVERWRITE)
        return replace(path, data, data_len);
    return write_new(path, data, data_len);
}

/* Reads up to len bytes. Sets *got. */
static int read_all(int fd, uint8_t *out, size_t len, size_t *got)
{
    size_t at = 0;
    while (at < len) {
        ssize_t n = read(fd, out + at, len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return P2P_ERR_IO;
        if (n == 0)
            break;
        at += (size_t)n;
    }
    *got = at;
    return 0;
}

static unsigned warnings_of(const struct stat *info)
{
    unsigned w = 0;
    if (info->st_mode & 077)
        w |= P2P_KEY_FILE_LOOSE;
    if (info->st_uid != geteuid() && info->st_uid != 0)
        w |= P2P_KEY_FILE_FOREIGN;
    return w;
}

static int read_open(int fd, void *out, size_t cap, size_t *len, unsigned *warnings)
{
    struct stat info;
    size_t got = 0;
    if (fstat(fd, &info))
        return P2P_ERR_IO;
    if (!S_ISREG(info.st_mode))
        return P2P_ERR_INVALID;
    if (info.st_size > (off_t)P2P_PEM_MAX)
        return P2P_ERR_LIMIT;
    size_t size = (size_t)info.st_size;
    if (size > cap) {
        *len = size;
        return P2P_ERR_NO_SPACE;
    }
    int err = read_all(fd, out, size, &got);
    if (err) {
        p2p__wipe(out, cap);
        return err;
    }
    *len = got;
    if (warnings)
        *warnings = warnings_of(&info);
    return 0;
}

int p2p_key_file_read(const char *path, void *out, size_t cap, size_t *len, unsigned *warnings)
{
    if (!path_is_good(path))
        return P2P_ERR_INVALID;
    /* Without O_NONBLOCK, opening a pipe would wait for its other end. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_of(errno);
    int err = read_open(fd, out, cap, len, warnings);
    close_failed(fd);
    return err;
}
