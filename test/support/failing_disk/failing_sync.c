/*
 * Preloaded, it lets every fsync and fdatasync fail with EIO while the file named by FAILING_SYNC_WHILE exists: a device
 * that loses what it was given.
 *
 *   cc -shared -fPIC -o failing_sync.so failing_sync.c
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int fails(void)
{
    const char *flag = getenv("FAILING_SYNC_WHILE");
    return flag != NULL && access(flag, F_OK) == 0;
}

static int pass_on(const char *name, int descriptor)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    if (!fails()) return real(descriptor);
    errno = EIO;
    return -1;
}

int fsync(int descriptor)
{
    return pass_on("fsync", descriptor);
}

int fdatasync(int descriptor)
{
    return pass_on("fdatasync", descriptor);
}
