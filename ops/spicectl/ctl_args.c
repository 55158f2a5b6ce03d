/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_args.h"

#include "ctl_cmd.h"

#include <stdio.h>
#include <string.h>

struct args_cursor {
    int argc;
    char **argv;
    int at;
    bool only_names; /* after "--" */
};

static bool args_bad(struct ctl_args *args, const char *hint_format, const char *hint_word, const char *why, const char *word)
{
    bool option = why[strlen(why) - 1] == '-'; /* the word goes on where the text ends */
    (void)snprintf(args->why, sizeof args->why, option ? "%s%.120s" : "%s \"%.120s\"", why, word);
    args->hint[0] = '\0';
    if (hint_word != NULL)
        (void)snprintf(args->hint, sizeof args->hint, "%s%.200s", hint_format, hint_word);
    return false;
}

static bool args_take(struct ctl_args *args, enum ctl_opt option, const char *value)
{
    args->values[option] = value;
    if (option != CTL_OPT_FILE)
        return true;
    if (args->files_count == CTL_ARGS_FILES_MAX)
        return args_bad(args, "put the files into one directory and give that", "", "too many -f, at", value);
    args->files[args->files_count++] = value;
    return true;
}

/* Value of an option that wants one: after '=', or the next word. */
static bool args_value(struct ctl_args *args, struct args_cursor *cursor, enum ctl_opt option, const char *attached)
{
    const struct ctl_opt_row *row = &ctl_cmd_options()[option];
    const char *word = cursor->argv[cursor->at];
    if (row->value == NULL) {
        if (attached != NULL)
            return args_bad(args, "write just --", row->name, "no value belongs to", word);
        return args_take(args, option, "");
    }
    if (attached != NULL)
        return args_take(args, option, attached);
    if (cursor->at + 1 >= cursor->argc)
        return args_bad(args, "it needs ", row->value, "nothing follows", word);
    cursor->at++;
    return args_take(args, option, cursor->argv[cursor->at]);
}

static bool args_long(struct ctl_args *args, struct args_cursor *cursor, const char *word)
{
    const struct ctl_opt_row *rows = ctl_cmd_options();
    size_t n = strcspn(word, "=");
    for (size_t i = 0; i < CTL_OPT_COUNT; i++) {
        if (strlen(rows[i].name) == n && strncmp(rows[i].name, word, n) == 0)
            return args_value(args, cursor, (enum ctl_opt)i, word[n] == '=' ? word + n + 1 : NULL);
    }
    char name[CTL_ARGS_WHY_MAX / 4];
    (void)snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), word);
    return args_bad(args, "did you mean --", ctl_cmd_near_option(name), "no option", cursor->argv[cursor->at]);
}

static bool args_letter(struct ctl_args *args, struct args_cursor *cursor, const char *word)
{
    const struct ctl_opt_row *rows = ctl_cmd_options();
    for (size_t i = 0; i < CTL_OPT_COUNT; i++) {
        if (rows[i].letter == word[0])
            return args_value(args, cursor, (enum ctl_opt)i, word[1] != '\0' ? word + 1 : NULL);
    }
    return args_bad(args, "see spicectl --help", "", "no option", cursor->argv[cursor->at]);
}

static bool args_word(struct ctl_args *args, const char *word)
{
    if (args->noun == NULL) {
        if (!ctl_cmd_is_noun(word))
            return args_bad(args, "did you mean spicectl ", ctl_cmd_near_noun(word), "no command", word);
        args->noun = word;
        return true;
    }
    if (args->verb == NULL && ctl_cmd_has_verbs(args->noun)) {
        if (ctl_cmd_find(args->noun, word) == NULL) {
            (void)args_bad(args, "did you mean ", ctl_cmd_near_verb(args->noun, word), "no such command:", word);
            (void)snprintf(args->why, sizeof args->why, "\"%s\" has no command \"%.120s\"", args->noun, word);
            return false;
        }
        args->verb = word;
        return true;
    }
    if (args->names_count == CTL_ARGS_NAMES_MAX)
        return args_bad(args, "use a selector: -l", "", "too many names, at", word);
    args->names[args->names_count++] = word;
    return true;
}

static bool args_words(struct ctl_args *args, struct args_cursor *cursor)
{
    for (cursor->at = 1; cursor->at < cursor->argc; cursor->at++) {
        const char *word = cursor->argv[cursor->at];
        bool good;
        if (cursor->only_names || word[0] != '-' || word[1] == '\0')
            good = args_word(args, word);
        else if (strcmp(word, "--") == 0)
            good = cursor->only_names = true;
        else if (word[1] == '-')
            good = args_long(args, cursor, word + 2);
        else
            good = args_letter(args, cursor, word + 1);
        if (!good)
            return false;
    }
    return true;
}

/* Names and options against the row of the command. */
static bool args_fit(struct ctl_args *args)
{
    const struct ctl_cmd *cmd = args->cmd;
    const struct ctl_opt_row *rows = ctl_cmd_options();
    uint64_t accepts = ctl_cmd_accepts(cmd);
    for (size_t i = 0; i < CTL_OPT_COUNT; i++) {
        if (args->values[i] != NULL && (accepts & CTL_BIT(i)) == 0)
            return args_bad(args, "see its --help for what it takes", "", "this command does not take --", rows[i].name);
    }
    if (args->names_count < (size_t)cmd->names_min) {
        (void)snprintf(args->why, sizeof args->why, "%s%s%s needs %s", cmd->noun, cmd->verb != NULL ? " " : "",
                       cmd->verb != NULL ? cmd->verb : "", cmd->args);
        (void)snprintf(args->hint, sizeof args->hint, "see spicectl %s%s%s --help", cmd->noun, cmd->verb != NULL ? " " : "",
                       cmd->verb != NULL ? cmd->verb : "");
        return false;
    }
    if (cmd->names_max != CTL_MANY && args->names_count > (size_t)cmd->names_max)
        return args_bad(args, "see its --help for what it takes", "", "one word too many:", args->names[cmd->names_max]);
    return true;
}

bool ctl_args_parse(struct ctl_args *args, int argc, char **argv)
{
    struct args_cursor cursor = {.argc = argc, .argv = argv, .at = 1, .only_names = false};
    memset(args, 0, sizeof *args);
    if (!args_words(args, &cursor))
        return false;
    if (args->noun == NULL || args->values[CTL_OPT_HELP] != NULL || args->values[CTL_OPT_VERSION] != NULL)
        return true;
    args->cmd = ctl_cmd_find(args->noun, args->verb);
    return args->cmd == NULL || args_fit(args);
}

bool ctl_args_number(struct ctl_args *args, enum ctl_opt option, const uint64_t range[2], uint64_t fallback, uint64_t *out)
{
    const char *text = args->values[option];
    uint64_t value = 0;
    if (text == NULL) {
        *out = fallback;
        return true;
    }
    size_t n = strspn(text, "0123456789");
    bool good = n > 0 && n < 19 && text[n] == '\0';
    for (size_t i = 0; good && i < n; i++)
        value = value * 10 + (uint64_t)(text[i] - '0');
    if (good && value >= range[0] && value <= range[1]) {
        *out = value;
        return true;
    }
    (void)snprintf(args->why, sizeof args->why, "--%s is no whole number from %llu to %llu: \"%.60s\"",
                   ctl_cmd_options()[option].name, (unsigned long long)range[0], (unsigned long long)range[1], text);
    args->hint[0] = '\0';
    return false;
}
