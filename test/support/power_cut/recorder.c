/*
 * Runs a program and records what it does to the files below a directory, in the order in which it happens:
 *
 *   recorder LOG DIRECTORY PROGRAM ARGUMENTS...
 *
 * A preloaded library would miss calls that a runtime makes without libc, so the program and all its threads run under
 * ptrace; a seccomp filter stops them at the calls below and nowhere else. The recorder ends with the program, passes
 * SIGTERM and SIGINT on, and takes the program with it when it is killed.
 *
 * Log, little-endian, one record after the other:
 *
 *   offset  size  field
 *        0     4  bytes     of the record after this field
 *        4     1  kind      below
 *        5     8  time      CLOCK_REALTIME in ns, after the call and before the program goes on (sync begins: before it)
 *       13     8  a         inode number; of the sync kinds, too
 *       21     8  b         offset of a write, size of a truncate, thread of a sync
 *       29     4  first     bytes of the first path
 *       33     4  second    bytes of the second path
 *       37     n  first path, second path (both relative to DIRECTORY), data of a write
 *
 * Kinds: 1 create, 2 write, 3 truncate, 4 sync begins, 5 sync ends, 6 directory sync begins, 7 directory sync ends,
 * 8 rename, 9 unlink, 10 make directory, 11 remove directory, 12 link, 13 a call that changes files and is not known
 * here (its number in a): a log with one of these is of no use.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "not known on this machine"
#endif

enum { CREATE = 1, WRITE, TRUNCATE, SYNC_BEGIN, SYNC_END, DIRECTORY_SYNC_BEGIN, DIRECTORY_SYNC_END, RENAME, UNLINK,
       MAKE_DIRECTORY, REMOVE_DIRECTORY, LINK, UNKNOWN };

#define PATH_BYTES 4096
#define THREADS_MAX 4096
#define HEADER_BYTES 33

static const int TRACED[] = {
    SYS_openat, SYS_write, SYS_pwrite64, SYS_writev, SYS_pwritev, SYS_pwritev2, SYS_fsync, SYS_fdatasync, SYS_ftruncate,
    SYS_truncate, SYS_renameat2, SYS_unlinkat, SYS_mkdirat, SYS_linkat, SYS_symlinkat, SYS_fallocate, SYS_copy_file_range,
    SYS_sendfile, SYS_io_uring_setup, SYS_renameat,
#ifdef SYS_open
    SYS_open, SYS_creat, SYS_rename, SYS_unlink, SYS_mkdir, SYS_rmdir, SYS_link, SYS_symlink,
#endif
};

struct call {
    pid_t thread;
    long number;
    uint64_t argument[6];
    int existed;     /* of an open: whether the file was there */
    int directory;   /* of a sync: whether it is of a directory */
    uint64_t inode;
    char first[PATH_BYTES];
    char second[PATH_BYTES];
};

static struct call *calls[THREADS_MAX];
static FILE *output;
static char root[PATH_BYTES];
static size_t root_bytes;
static volatile sig_atomic_t child;

static void die(const char *what)
{
    perror(what);
    exit(125);
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void emit(int kind, uint64_t a, uint64_t b, const char *first, const char *second, const void *data, size_t bytes)
{
    uint32_t first_bytes = (uint32_t)strlen(first), second_bytes = (uint32_t)strlen(second);
    uint32_t length = (uint32_t)(HEADER_BYTES + first_bytes + second_bytes + bytes);
    uint64_t time = now();
    uint8_t byte = (uint8_t)kind;
    fwrite(&length, 4, 1, output);
    fwrite(&byte, 1, 1, output);
    fwrite(&time, 8, 1, output);
    fwrite(&a, 8, 1, output);
    fwrite(&b, 8, 1, output);
    fwrite(&first_bytes, 4, 1, output);
    fwrite(&second_bytes, 4, 1, output);
    fwrite(first, 1, first_bytes, output);
    fwrite(second, 1, second_bytes, output);
    if (bytes > 0) fwrite(data, 1, bytes, output);
    if (ferror(output)) die("log");
}

/* The rest of a path below the directory; NULL where it lies elsewhere. The directory itself is "". */
static const char *inside(const char *path)
{
    if (strncmp(path, root, root_bytes) != 0) return NULL;
    if (path[root_bytes] == 0) return path + root_bytes;
    return path[root_bytes] == '/' ? path + root_bytes + 1 : NULL;
}

static int read_memory(pid_t thread, uint64_t address, void *target, size_t bytes)
{
    struct iovec local = {target, bytes}, remote = {(void *)address, bytes};
    return process_vm_readv(thread, &local, 1, &remote, 1, 0) == (ssize_t)bytes ? 0 : -1;
}

static int link_of(pid_t thread, const char *what, char *target)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/%s", thread, what);
    ssize_t bytes = readlink(name, target, PATH_BYTES - 1);
    if (bytes < 0) return -1;
    target[bytes] = 0;
    return 0;
}

/* The absolute path that a call names by a directory's descriptor and a string. */
static int path_of(pid_t thread, int descriptor, uint64_t address, char *target)
{
    char text[PATH_BYTES], base[PATH_BYTES], what[32];
    size_t length = 0;
    for (;;) {
        if (length == PATH_BYTES - 1 || read_memory(thread, address + length, text + length, 1) != 0) return -1;
        if (text[length] == 0) break;
        length++;
    }
    if (text[0] == '/') {
        strcpy(target, text);
        return 0;
    }
    if (descriptor == AT_FDCWD) strcpy(what, "cwd");
    else snprintf(what, sizeof what, "fd/%d", descriptor);
    if (link_of(thread, what, base) != 0) return -1;
    const char *rest = strncmp(text, "./", 2) == 0 ? text + 2 : text;
    return snprintf(target, PATH_BYTES, "%s/%s", base, rest) < PATH_BYTES ? 0 : -1;
}

/* Fills inode, directory and first path from a descriptor; 0 when it is a file or directory of ours. */
static int describe(struct call *call, int descriptor)
{
    char what[32], name[64], path[PATH_BYTES];
    struct stat status;
    snprintf(what, sizeof what, "fd/%d", descriptor);
    if (link_of(call->thread, what, path) != 0 || inside(path) == NULL) return -1;
    snprintf(name, sizeof name, "/proc/%d/%s", call->thread, what);
    if (stat(name, &status) != 0) return -1;
    call->inode = status.st_ino;
    call->directory = S_ISDIR(status.st_mode);
    strcpy(call->first, inside(path));
    return call->directory || S_ISREG(status.st_mode) ? 0 : -1;
}

/* Fills a path of ours; 0 when it lies below the directory. */
static int name_path(struct call *call, char *target, int descriptor, uint64_t address)
{
    char path[PATH_BYTES];
    if (path_of(call->thread, descriptor, address, path) != 0) return -1;
    const char *rest = inside(path);
    if (rest == NULL) return -1;
    strcpy(target, rest);
    return 0;
}

static uint64_t inode_of(const char *rest, int *exists)
{
    char path[PATH_BYTES * 2];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", root, rest);
    *exists = stat(path, &status) == 0;
    return *exists ? status.st_ino : 0;
}

static int enter_open(struct call *call, int descriptor, uint64_t address, uint64_t flags)
{
    if ((flags & (O_CREAT | O_TRUNC)) == 0) return 0;
    call->argument[5] = flags;
    if (name_path(call, call->first, descriptor, address) != 0) return 0;
    inode_of(call->first, &call->existed);
    return 1;
}

/* Looks at a call that begins; 1 when its end is of interest. */
static int enter(struct call *call)
{
    uint64_t *a = call->argument;
    call->first[0] = call->second[0] = 0;
    switch (call->number) {
    case SYS_openat: return enter_open(call, (int)a[0], a[1], a[2]);
    case SYS_write: case SYS_pwrite64: case SYS_ftruncate: return describe(call, (int)a[0]) == 0;
    case SYS_fsync: case SYS_fdatasync:
        if (describe(call, (int)a[0]) != 0) return 0;
        emit(call->directory ? DIRECTORY_SYNC_BEGIN : SYNC_BEGIN, call->inode, (uint64_t)call->thread, call->first, "",
             NULL, 0);
        return 1;
    case SYS_renameat: case SYS_renameat2: {
        int from = name_path(call, call->first, (int)a[0], a[1]);
        return name_path(call, call->second, (int)a[2], a[3]) == 0 || from == 0;
    }
    case SYS_linkat: {
        int from = name_path(call, call->first, (int)a[0], a[1]);
        return name_path(call, call->second, (int)a[2], a[3]) == 0 || from == 0;
    }
    case SYS_unlinkat: case SYS_mkdirat: return name_path(call, call->first, (int)a[0], a[1]) == 0;
    case SYS_symlinkat: return name_path(call, call->first, (int)a[1], a[2]) == 0;
    case SYS_truncate: return name_path(call, call->first, AT_FDCWD, a[0]) == 0;
    case SYS_writev: case SYS_pwritev: case SYS_pwritev2: case SYS_fallocate: case SYS_sendfile:
        return describe(call, (int)a[0]) == 0;
    case SYS_copy_file_range: return describe(call, (int)a[2]) == 0;
    case SYS_io_uring_setup: return 1;
#ifdef SYS_open
    case SYS_open: return enter_open(call, AT_FDCWD, a[0], a[1]);
    case SYS_creat: return enter_open(call, AT_FDCWD, a[0], O_CREAT | O_TRUNC);
    case SYS_rename: case SYS_link: {
        int from = name_path(call, call->first, AT_FDCWD, a[0]);
        return name_path(call, call->second, AT_FDCWD, a[1]) == 0 || from == 0;
    }
    case SYS_unlink: case SYS_mkdir: case SYS_rmdir: return name_path(call, call->first, AT_FDCWD, a[0]) == 0;
    case SYS_symlink: return name_path(call, call->first, AT_FDCWD, a[1]) == 0;
#endif
    default: return 0;
    }
}

static void leave_write(struct call *call, int64_t written)
{
    uint64_t offset = call->argument[3];
    if (call->number == SYS_write) {
        char name[64], line[128];
        snprintf(name, sizeof name, "/proc/%d/fdinfo/%d", call->thread, (int)call->argument[0]);
        FILE *file = fopen(name, "r");
        unsigned long long position = 0;
        if (file == NULL || fgets(line, sizeof line, file) == NULL || sscanf(line, "pos: %llu", &position) != 1) die(name);
        fclose(file);
        offset = position - (uint64_t)written;
    }
    void *data = malloc((size_t)written + 1);
    if (data == NULL || read_memory(call->thread, call->argument[1], data, (size_t)written) != 0) die("data of a write");
    emit(WRITE, call->inode, offset, call->first, "", data, (size_t)written);
    free(data);
}

/* Records a call that has ended. */
static void leave(struct call *call, int64_t result)
{
    int exists = 0;
    /* A sync that failed ends no sync; all else that failed changed nothing. */
    if (result < 0) return;
    switch (call->number) {
#ifdef SYS_open
    case SYS_open: case SYS_creat:
#endif
    case SYS_openat: {
        uint64_t inode = inode_of(call->first, &exists);
        if (!call->existed) emit(CREATE, inode, 0, call->first, "", NULL, 0);
        else if (call->argument[5] & O_TRUNC) emit(TRUNCATE, inode, 0, call->first, "", NULL, 0);
        return;
    }
    case SYS_write: case SYS_pwrite64:
        if (result > 0) leave_write(call, result);
        return;
    case SYS_fsync: case SYS_fdatasync:
        emit(call->directory ? DIRECTORY_SYNC_END : SYNC_END, call->inode, (uint64_t)call->thread, call->first, "", NULL, 0);
        return;
    case SYS_ftruncate: emit(TRUNCATE, call->inode, call->argument[1], call->first, "", NULL, 0); return;
#ifdef SYS_open
    case SYS_rename: emit(RENAME, 0, 0, call->first, call->second, NULL, 0); return;
    case SYS_link: emit(LINK, 0, 0, call->first, call->second, NULL, 0); return;
    case SYS_unlink: emit(UNLINK, 0, 0, call->first, "", NULL, 0); return;
    case SYS_mkdir: emit(MAKE_DIRECTORY, 0, 0, call->first, "", NULL, 0); return;
    case SYS_rmdir: emit(REMOVE_DIRECTORY, 0, 0, call->first, "", NULL, 0); return;
#endif
    case SYS_renameat: emit(RENAME, 0, 0, call->first, call->second, NULL, 0); return;
    case SYS_renameat2:
        emit(call->argument[4] == 0 || call->argument[4] == 1 ? RENAME : UNKNOWN, SYS_renameat2, 0, call->first,
             call->second, NULL, 0);
        return;
    case SYS_linkat: emit(LINK, 0, 0, call->first, call->second, NULL, 0); return;
    case SYS_unlinkat:
        emit(call->argument[2] & AT_REMOVEDIR ? REMOVE_DIRECTORY : UNLINK, 0, 0, call->first, "", NULL, 0);
        return;
    case SYS_mkdirat: emit(MAKE_DIRECTORY, 0, 0, call->first, "", NULL, 0); return;
    case SYS_io_uring_setup: fprintf(stderr, "recorder: the program uses io_uring, which goes unseen\n");
    /* fall through */
    default: emit(UNKNOWN, (uint64_t)call->number, 0, call->first, call->second, NULL, 0);
    }
}

static struct call *call_of(pid_t thread)
{
    int empty = -1;
    for (int i = 0; i < THREADS_MAX; i++) {
        if (calls[i] != NULL && calls[i]->thread == thread) return calls[i];
        if (calls[i] == NULL && empty < 0) empty = i;
    }
    if (empty < 0) die("more threads than expected");
    calls[empty] = calloc(1, sizeof(struct call));
    if (calls[empty] == NULL) die("calloc");
    calls[empty]->thread = thread;
    return calls[empty];
}

static void forget(pid_t thread)
{
    for (int i = 0; i < THREADS_MAX; i++) {
        if (calls[i] != NULL && calls[i]->thread == thread) {
            free(calls[i]);
            calls[i] = NULL;
        }
    }
}

static int64_t read_registers(struct call *call, int entering)
{
    struct iovec area;
    struct user_regs_struct r;
    area.iov_base = &r;
    area.iov_len = sizeof r;
    if (ptrace(PTRACE_GETREGSET, call->thread, (void *)1 /* NT_PRSTATUS */, &area) != 0) return -EINTR;
#if defined(__x86_64__)
    if (entering) {
        uint64_t a[6] = {r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9};
        memcpy(call->argument, a, sizeof a);
        call->number = (long)r.orig_rax;
    }
    return (int64_t)r.rax;
#else
    if (entering) {
        memcpy(call->argument, r.regs, sizeof call->argument);
        call->number = (long)r.regs[8];
    }
    return (int64_t)r.regs[0];
#endif
}

static void install_filter(void)
{
    size_t count = sizeof TRACED / sizeof TRACED[0], at = 0;
    struct sock_filter program[8 + sizeof TRACED / sizeof TRACED[0]];
    program[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    program[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    program[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL);
    program[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < count; i++) {
        program[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)TRACED[i],
                                                     (uint8_t)(count - i), 0);
    }
    program[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    program[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    struct sock_fprog filter = {(unsigned short)at, program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die("no_new_privs");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) die("seccomp");
}

static void pass_on(int signal_number)
{
    if (child > 0) kill((pid_t)child, signal_number);
}

/* Handles one stop of one thread and lets it go on. */
static void handle_stop(pid_t thread, int status)
{
    int stop = WSTOPSIG(status), event = status >> 16, deliver = 0;
    int request = PTRACE_CONT;
    if (event == PTRACE_EVENT_SECCOMP) {
        struct call *call = call_of(thread);
        read_registers(call, 1);
        if (enter(call)) request = PTRACE_SYSCALL;
    } else if (stop == (SIGTRAP | 0x80)) {
        struct call *call = call_of(thread);
        leave(call, read_registers(call, 0));
    } else if (event == PTRACE_EVENT_STOP) {
        if (stop == SIGSTOP || stop == SIGTSTP || stop == SIGTTIN || stop == SIGTTOU) request = PTRACE_LISTEN;
    } else if (event == 0) {
        deliver = stop;
    }
    ptrace(request, thread, NULL, (void *)(long)deliver);
}

int main(int count, char **words)
{
    if (count < 4) {
        fprintf(stderr, "Usage: recorder LOG DIRECTORY PROGRAM ARGUMENTS...\n");
        return 2;
    }
    if (realpath(words[2], root) == NULL) die(words[2]);
    root_bytes = strlen(root);
    output = fopen(words[1], "wb");
    if (output == NULL) die(words[1]);
    setvbuf(output, NULL, _IOFBF, 1 << 20);
    int gate[2];
    if (pipe2(gate, O_CLOEXEC) != 0) die("pipe");
    pid_t started = fork();
    if (started < 0) die("fork");
    if (started == 0) {
        char byte;
        if (read(gate[0], &byte, 1) != 1) _exit(125);
        install_filter();
        execv(words[3], words + 3);
        die(words[3]);
    }
    child = started;
    signal(SIGTERM, pass_on);
    signal(SIGINT, pass_on);
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                   PTRACE_O_TRACEEXEC | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SEIZE, started, NULL, (void *)options) != 0) die("ptrace");
    if (write(gate[1], "g", 1) != 1) die("gate");
    for (;;) {
        int status = 0;
        pid_t thread = waitpid(-1, &status, __WALL);
        if (thread < 0) {
            if (errno == EINTR) continue;
            die("wait");
        }
        if (WIFSTOPPED(status)) {
            handle_stop(thread, status);
            continue;
        }
        forget(thread);
        if (thread != started) continue;
        fclose(output);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
}
