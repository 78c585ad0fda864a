/* Stands between a process and its files: preloaded (LD_PRELOAD), it counts what the process
 * does to the files of one folder, and on order kills it, fails it or writes it all down.
 *
 * SHIM_UNDER   the folder (absolute, without links); nothing outside of it is touched
 * SHIM_NAMES   beginnings of the file names that count, with commas between; none: every file
 * SHIM_KILL_AT N: SIGKILL before the N-th step (write, truncation, sync, rename, removal)
 * SHIM_TEAR    1: half of that write is done first
 * SHIM_FULL    a control file: while it exists the disk is full; what a removal frees may be used
 * SHIM_FULL_AT N: make that file at the N-th step
 * SHIM_EIO     a control file: while it exists every sync fails
 * SHIM_EIO_AT  N: make that file at the N-th sync
 * SHIM_EIO_ONCE 1: remove it after one failure
 * SHIM_KILL_AFTER N: SIGKILL before the N-th step after the first sync that failed
 * SHIM_RECORD  the write log: every step in its order, and what is written to "witness" files
 *
 * Files that end in -shm are left alone: SQLite's index of its log is no data.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#define WITNESS "witness"

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);
static int (*real_fallocate)(int, off_t, off_t);
static int (*real_statvfs)(const char *, struct statvfs *);

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char under[PATH_MAX], names[PATH_MAX], full[PATH_MAX], eio[PATH_MAX];
static size_t under_length;
static long steps, syncs, kill_at, full_at, eio_at, tear, eio_once, kill_after;
static long long freed;
static int journal = -1;

struct head {
    uint32_t kind;
    uint32_t name;
    int64_t offset;
    int64_t length;
};

static void child(void) { pthread_mutex_init(&turn, NULL); }

static long number_of(const char *name) {
    const char *text = getenv(name);
    return text ? atol(text) : 0;
}

static void path_of(char *into, const char *name) {
    const char *text = getenv(name);
    snprintf(into, PATH_MAX, "%s", text ? text : "");
}

/* Orders may also come later, from a process that was forked. */
void shim_kill_at(long n, long half) { kill_at = n; tear = half; steps = 0; }
void shim_eio_at(long n, long once, long after) {
    eio_at = n;
    eio_once = once;
    kill_after = after;
    syncs = 0;
}
long shim_steps(void) { return steps; }
long shim_syncs(void) { return syncs; }

void shim_look_at(const char *folder) {
    snprintf(under, sizeof under, "%s", folder);
    under_length = strlen(under);
}

void shim_control_eio(const char *file) { snprintf(eio, sizeof eio, "%s", file); }

void shim_record(const char *file) {
    if (journal >= 0) close(journal);
    journal = *file ? open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
}

__attribute__((constructor)) static void begin(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_fallocate = dlsym(RTLD_NEXT, "posix_fallocate");
    real_statvfs = dlsym(RTLD_NEXT, "statvfs");
    pthread_atfork(NULL, NULL, child);
    path_of(under, "SHIM_UNDER");
    under_length = strlen(under);
    path_of(names, "SHIM_NAMES");
    path_of(full, "SHIM_FULL");
    path_of(eio, "SHIM_EIO");
    kill_at = number_of("SHIM_KILL_AT");
    tear = number_of("SHIM_TEAR");
    full_at = number_of("SHIM_FULL_AT");
    eio_at = number_of("SHIM_EIO_AT");
    eio_once = number_of("SHIM_EIO_ONCE");
    kill_after = number_of("SHIM_KILL_AFTER");
    if (getenv("SHIM_RECORD")) shim_record(getenv("SHIM_RECORD"));
}

static int is_witness(const char *name) {
    const char *last = strrchr(name, '/');
    return strncmp(last ? last + 1 : name, WITNESS, sizeof WITNESS - 1) == 0;
}

/* The name within the folder, or NULL for what is none of our business. */
static const char *ours(const char *path) {
    if (!under_length || strncmp(path, under, under_length) != 0) return NULL;
    if (path[under_length] == 0) return ".";
    if (path[under_length] != '/') return NULL;
    const char *name = path + under_length + 1;
    size_t length = strlen(name);
    if (length > 4 && strcmp(name + length - 4, "-shm") == 0) return NULL;
    if (!*names || is_witness(name)) return name;
    const char *last = strrchr(name, '/');
    last = last ? last + 1 : name;
    for (const char *at = names; *at;) {
        size_t size = strcspn(at, ",");
        if (size && strncmp(last, at, size) == 0) return name;
        at += size + (at[size] == ',');
    }
    return NULL;
}

static const char *ours_by_number(int fd, char *path) {
    char link[40];
    if (!under_length) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length <= 0) return NULL;
    path[length] = 0;
    char *deleted = strstr(path, " (deleted)");
    if (deleted) *deleted = 0;
    return ours(path);
}

static void note(char kind, const char *name, int64_t offset, const void *data, int64_t length) {
    if (journal < 0) return;
    struct head head = {(uint32_t)kind, (uint32_t)strlen(name), offset, length};
    struct iovec parts[] = {{&head, sizeof head},
                            {(void *)name, head.name},
                            {(void *)data, (size_t)length}};
    int error = errno;
    if (real_writev(journal, parts, 3) < 0) abort();
    errno = error;
}

static void touch(const char *file) {
    int made = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (made >= 0) close(made);
}

/* Count a step; say whether the process is to die at it. */
static int fatal(const char *name) {
    if (is_witness(name)) return 0;
    steps++;
    if (full_at && steps == full_at && *full) touch(full);
    return kill_at && steps == kill_at;
}

static void die(void) {
    raise(SIGKILL);
    for (;;) pause();
}

static int is_full(void) {
    if (*full && access(full, F_OK) == 0) return 1;
    freed = 0;
    return 0;
}

/* Say whether there is room for a write up to `end` on a disk that may be full. */
static int has_room(int fd, int64_t end) {
    struct stat now;
    if (!is_full() || fstat(fd, &now) != 0) return 1;
    int64_t more = end - now.st_size;
    if (more <= 0) return 1;
    if (more > freed) return 0;
    freed -= more;
    return 1;
}

static ssize_t put(int fd, const void *data, size_t length, off_t offset, int at) {
    return at ? real_pwrite(fd, data, length, offset) : real_write(fd, data, length);
}

static ssize_t do_write(int fd, const void *data, size_t length, off_t offset, int at) {
    char path[PATH_MAX];
    const char *name = ours_by_number(fd, path);
    if (!name) return put(fd, data, length, offset, at);
    pthread_mutex_lock(&turn);
    struct stat now;
    if (!at) offset = lseek(fd, 0, SEEK_CUR);
    if (!at && (fcntl(fd, F_GETFL) & O_APPEND) && fstat(fd, &now) == 0) offset = now.st_size;
    ssize_t done;
    if (fatal(name)) {
        if (tear && length > 1 && (done = put(fd, data, length / 2, offset, at)) > 0)
            note('W', name, offset, data, done);
        die();
    }
    if (!is_witness(name) && !has_room(fd, offset + (int64_t)length)) {
        errno = ENOSPC;
        done = -1;
    } else {
        done = put(fd, data, length, offset, at);
        if (done > 0) note('W', name, offset, data, done);
    }
    int error = errno;
    pthread_mutex_unlock(&turn);
    errno = error;
    return done;
}

ssize_t write(int fd, const void *data, size_t length) {
    return do_write(fd, data, length, 0, 0);
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    return do_write(fd, data, length, offset, 1);
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    return do_write(fd, data, length, offset, 1);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    char path[PATH_MAX];
    if (!ours_by_number(fd, path)) return real_writev(fd, parts, count);
    ssize_t all = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = do_write(fd, parts[i].iov_base, parts[i].iov_len, 0, 0);
        if (done < 0) return all ? all : -1;
        all += done;
        if ((size_t)done < parts[i].iov_len) break;
    }
    return all;
}

int ftruncate(int fd, off_t length) {
    char path[PATH_MAX];
    const char *name = ours_by_number(fd, path);
    if (!name) return real_ftruncate(fd, length);
    pthread_mutex_lock(&turn);
    if (fatal(name)) die();
    int done = real_ftruncate(fd, length);
    if (done == 0) note('T', name, length, "", 0);
    pthread_mutex_unlock(&turn);
    return done;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

static int do_sync(int fd, int (*real)(int)) {
    char path[PATH_MAX];
    const char *name = ours_by_number(fd, path);
    if (!name) return real(fd);
    pthread_mutex_lock(&turn);
    if (fatal(name)) die();
    int done = 0;
    if (!is_witness(name)) {
        syncs++;
        if (eio_at && syncs == eio_at && *eio) touch(eio);
        if (*eio && access(eio, F_OK) == 0) {
            if (eio_once) real_unlink(eio);
            if (kill_after) kill_at = steps + kill_after;
            kill_after = 0;
            note('E', name, 0, "", 0);
            pthread_mutex_unlock(&turn);
            errno = EIO;
            return -1;
        }
    }
    done = real(fd);
    if (done == 0) note('S', name, 0, "", 0);
    pthread_mutex_unlock(&turn);
    return done;
}
int fsync(int fd) { return do_sync(fd, real_fsync); }
int fdatasync(int fd) { return do_sync(fd, real_fdatasync); }

int rename(const char *from, const char *to) {
    const char *old = ours(from), *new = ours(to);
    if (!old || !new) return real_rename(from, to);
    pthread_mutex_lock(&turn);
    if (fatal(old)) die();
    int done = real_rename(from, to);
    if (done == 0) note('R', old, 0, new, (int64_t)strlen(new));
    int error = errno;
    pthread_mutex_unlock(&turn);
    errno = error;
    return done;
}

int unlink(const char *path) {
    const char *name = ours(path);
    if (!name) return real_unlink(path);
    pthread_mutex_lock(&turn);
    struct stat before;
    int there = stat(path, &before) == 0;
    if (fatal(name)) die();
    int done = real_unlink(path);
    int error = errno;
    if (done == 0) {
        note('U', name, 0, "", 0);
        if (there && is_full()) freed += before.st_blocks * 512LL;
    }
    pthread_mutex_unlock(&turn);
    errno = error;
    return done;
}

int posix_fallocate(int fd, off_t offset, off_t length) {
    char path[PATH_MAX];
    if (!ours_by_number(fd, path)) return real_fallocate(fd, offset, length);
    pthread_mutex_lock(&turn);
    int room = has_room(fd, offset + length);
    pthread_mutex_unlock(&turn);
    return room ? real_fallocate(fd, offset, length) : ENOSPC;
}
int posix_fallocate64(int fd, off64_t offset, off64_t length) {
    return posix_fallocate(fd, offset, length);
}

int statvfs(const char *path, struct statvfs *into) {
    int done = real_statvfs(path, into);
    if (done == 0 && ours(path)) {
        pthread_mutex_lock(&turn);
        if (is_full()) into->f_bavail = into->f_bfree = (fsblkcnt_t)(freed / (long long)into->f_frsize);
        pthread_mutex_unlock(&turn);
    }
    return done;
}
int statvfs64(const char *path, struct statvfs64 *into) {
    return statvfs(path, (struct statvfs *)into); /* the same structure on 64 bits */
}
