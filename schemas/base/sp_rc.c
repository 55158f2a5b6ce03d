/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_rc.h"

const char *sp_rc_text(enum sp_rc rc)
{
    static const char *const texts[SP_RC_COUNT] = {
#define SP_RC_TEXT(name, text, class) text,
        SP_RC_LIST(SP_RC_TEXT)
#undef SP_RC_TEXT
    };
    return (unsigned)rc < SP_RC_COUNT ? texts[rc] : "unknown result code";
}

const char *sp_rc_name(enum sp_rc rc)
{
    static const char *const names[SP_RC_COUNT] = {
#define SP_RC_NAME(name, text, class) #name,
        SP_RC_LIST(SP_RC_NAME)
#undef SP_RC_NAME
    };
    return (unsigned)rc < SP_RC_COUNT ? names[rc] : "SP_E_UNKNOWN";
}
