/* SPDX-License-Identifier: MIT
 *
 * library.c - see library.h.
 */
#include "runtime/library.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/sys.h"

/* Where CUDA's libraries stand if the loader does not know them. */
static const char *
folder(int n)
{
    switch (n) {
    case 0:
        return "";
    case 1:
        return getenv("CUDA_HOME");
    case 2:
        return getenv("CUDA_PATH");
    default:
        return "/usr/local/cuda";
    }
}
enum { N_FOLDERS = 4 };

static int
try(struct library *l, const char *folder, const char *name,
    const char **error)
{
    int n = snprintf(l->name, sizeof l->name, "%s%s%s", folder,
                     *folder ? "/lib64/" : "", name);
    if (n < 0 || (size_t)n >= sizeof l->name) {
        *error = "its name is too long";
        return 0;
    }
    return (l->handle = einc_sys_dlopen(l->name, error)) != NULL;
}

enum einc_status
einc_library_open(struct library *l, const char *variable,
                  const char *const names[], struct trouble *why)
{
    int secure = einc_sys_secure();
    const char *demand = secure ? NULL : getenv(variable);
    const char *error = "";
    if (demand && *demand) {
        if (try(l, "", demand, &error))
            return EINC_OK;
        return einc_trouble(why, EINC_EDEVICE, "%s=%s: %s", variable, demand,
                            error);
    }
    for (int f = 0; f < (secure ? 1 : N_FOLDERS); f++) {
        const char *at = folder(f);
        if (!at || (f && *at != '/'))
            continue;
        for (int n = 0; names[n]; n++)
            if (try(l, at, names[n], &error))
                return EINC_OK;
    }
    return einc_trouble(why, EINC_EDEVICE,
                        "%s was not found; set %s to its path", names[0],
                        variable);
}

enum einc_status
einc_library_functions(const struct library *l, const char *const names[],
                       void *functions[], int n, struct trouble *why)
{
    for (int f = 0; f < n; f++)
        if (!(functions[f] = einc_sys_dlsym(l->handle, names[f])))
            return einc_trouble(why, EINC_EDEVICE, "%s has no function %s",
                                l->name, names[f]);
    return EINC_OK;
}
