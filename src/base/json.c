/* SPDX-License-Identifier: MIT
 *
 * json.c - see json.h.
 */
#include "base/json.h"

void
einc_json_string(struct text *t, struct str s)
{
    int64_t from = 0;
    einc_put_str(t, str_of("\""));
    for (int64_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= ' ' && c != '"' && c != '\\')
            continue;
        einc_put_str(t, (struct str){s.p + from, i - from});
        from = i + 1;
        if (c < ' ')
            einc_put(t, "\\u%04x", c);
        else
            einc_put(t, "\\%c", c);
    }
    einc_put_str(t, (struct str){s.p + from, s.n - from});
    einc_put_str(t, str_of("\""));
}

void
einc_json_ints(struct text *t, const char *key, const int64_t *v, int n)
{
    einc_put(t, "\"%s\": [", key);
    for (int i = 0; i < n; i++)
        einc_put(t, "%s%lld", i ? ", " : "", (long long)v[i]);
    einc_put_str(t, str_of("]"));
}

void
einc_json_inner(struct text *t, struct str inner, int columns)
{
    int64_t from = 0;
    while (inner.n && inner.p[inner.n - 1] == '\n')
        inner.n--;
    for (int64_t i = 0; i < inner.n; i++)
        if (inner.p[i] == '\n') {
            einc_put_str(t, (struct str){inner.p + from, i - from});
            einc_put(t, "\n%*s", columns, "");
            from = i + 1;
        }
    einc_put_str(t, (struct str){inner.p + from, inner.n - from});
}
