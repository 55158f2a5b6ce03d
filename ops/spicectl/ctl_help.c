/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_help.h"

#include "ctl.h"
#include "ctl_run.h"

#include <string.h>

#define HELP_LEFT    34 /* columns of the left side */
#define HELP_WORD(x) #x " "
#define HELP_KINDS   CTL_INVENTORY_KINDS(HELP_WORD)

static void help_row(struct ctl_out *out, const struct ctl_cmd *cmd)
{
    char left[128];
    (void)snprintf(left, sizeof left, "%s%s%s %s", cmd->noun, cmd->verb != NULL ? " " : "", cmd->verb != NULL ? cmd->verb : "",
                   cmd->args);
    ctl_out_print(out, "  %-*s %s\n", HELP_LEFT, left, cmd->help);
}

static void help_options(struct ctl_out *out, uint64_t bits, bool general)
{
    const struct ctl_opt_row *rows = ctl_cmd_options();
    for (size_t i = 0; i < CTL_OPT_COUNT; i++) {
        if ((bits & CTL_BIT(i)) == 0 || rows[i].general != general)
            continue;
        char left[96];
        char letter[8] = "    ";
        if (rows[i].letter != 0)
            (void)snprintf(letter, sizeof letter, "-%c, ", rows[i].letter);
        (void)snprintf(left, sizeof left, "%s--%s%s%s", letter, rows[i].name, rows[i].value != NULL ? " " : "",
                       rows[i].value != NULL ? rows[i].value : "");
        ctl_out_print(out, "  %-*s %s\n", HELP_LEFT, left, rows[i].help);
    }
}

void ctl_help_overview(struct ctl_out *out)
{
    size_t count;
    const struct ctl_cmd *table = ctl_cmd_table(&count);
    ctl_out_print(out, "spicectl: operate a SPICE fleet\n\nUsage: spicectl [OPTION...] COMMAND [ARGUMENT...]\n\n");
    for (size_t i = 0; i < count; i++) {
        /* A blank line around the commands of a noun, so that the eye finds it. */
        bool grouped =
            i > 0 && (table[i].verb != NULL || table[i - 1].verb != NULL) && strcmp(table[i].noun, table[i - 1].noun) != 0;
        ctl_out_print(out, grouped ? "\n" : "");
        help_row(out, &table[i]);
    }
    ctl_out_print(out, "\nOptions of every command:\n");
    help_options(out, UINT64_MAX, true);
    ctl_out_print(out, "\nFirst steps:\n"
                       "  spicectl doctor            is all well?\n"
                       "  spicectl pool members      who is trusted now?\n"
                       "  spicectl explain NODE      why, or why not?\n"
                       "  spicectl help apply        how to change what is checked\n"
                       "\nExit codes: 0 done, 1 refused or failed, 2 wrong command line, 3 fleet out of reach, 4 partly done,\n"
                       "5 doctor found problems. More: man spicectl\n");
}

static void help_one(struct ctl_out *out, const struct ctl_cmd *cmd)
{
    ctl_out_print(out, "Usage: spicectl %s%s%s [OPTION...] %s\n\n%s\n", cmd->noun, cmd->verb != NULL ? " " : "",
                  cmd->verb != NULL ? cmd->verb : "", cmd->args, cmd->help);
    if (cmd->more != NULL)
        ctl_out_print(out, "\n%s\n", cmd->more);
    uint64_t bits = ctl_cmd_accepts(cmd);
    if (cmd->options != 0 || cmd->mutates) {
        ctl_out_print(out, "\nOptions:\n");
        help_options(out, bits, false);
    }
    ctl_out_print(out, "\nOptions of every command:\n");
    help_options(out, bits, true);
}

void ctl_help_noun(struct ctl_out *out, const char *noun, const char *verb)
{
    size_t count;
    const struct ctl_cmd *table = ctl_cmd_table(&count);
    const struct ctl_cmd *cmd = ctl_cmd_find(noun, verb);
    if (cmd != NULL) {
        help_one(out, cmd);
        return;
    }
    ctl_out_print(out, "Usage: spicectl %s COMMAND [OPTION...] [ARGUMENT...]\n\n", noun);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].noun, noun) == 0)
            help_row(out, &table[i]);
    }
    ctl_out_print(out, "\nspicectl %s COMMAND --help tells more.\n", noun);
}

int ctl_help_run(struct ctl *ctl)
{
    const struct ctl_args *args = &ctl->args;
    if (args->names_count == 0) {
        ctl_help_overview(&ctl->out);
        return CTL_OK;
    }
    const char *noun = args->names[0];
    const char *verb = args->names_count > 1 ? args->names[1] : NULL;
    if (!ctl_cmd_is_noun(noun)) {
        const char *near = ctl_cmd_near_noun(noun);
        char hint[64];
        (void)snprintf(hint, sizeof hint, near != NULL ? "did you mean %s?" : "see spicectl --help", near);
        return ctl_fail(ctl, CTL_USAGE, NULL, hint, "no command \"%s\"", noun);
    }
    ctl_help_noun(&ctl->out, noun, verb);
    return CTL_OK;
}

/* One line of the script's case: the options after noun and verb. */
static void help_complete_case(struct ctl_out *out, const struct ctl_cmd *cmd)
{
    const struct ctl_opt_row *rows = ctl_cmd_options();
    uint64_t bits = ctl_cmd_accepts(cmd);
    ctl_out_print(out, "    \"%s%s%s\") kind=\"%s\"; opts=\"", cmd->noun, cmd->verb != NULL ? " " : "",
                  cmd->verb != NULL ? cmd->verb : "", cmd->complete);
    for (size_t i = 0, first = 1; i < CTL_OPT_COUNT; i++) {
        if ((bits & CTL_BIT(i)) == 0)
            continue;
        ctl_out_print(out, "%s--%s", first ? "" : " ", rows[i].name);
        first = 0;
    }
    ctl_out_print(out, "\" ;;\n");
}

static void help_complete_words(struct ctl_out *out)
{
    size_t count;
    const struct ctl_cmd *table = ctl_cmd_table(&count);
    ctl_out_print(out, "  nouns=\"");
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(table[i].noun, table[i - 1].noun) != 0)
            ctl_out_print(out, "%s%s", i == 0 ? "" : " ", table[i].noun);
    }
    ctl_out_print(out, "\"\n  case \"$noun\" in\n");
    for (size_t i = 0; i < count; i++) {
        if (table[i].verb == NULL)
            continue;
        bool first = i == 0 || strcmp(table[i].noun, table[i - 1].noun) != 0;
        bool last = i + 1 == count || strcmp(table[i].noun, table[i + 1].noun) != 0;
        if (first)
            ctl_out_print(out, "    %s) verbs=\"", table[i].noun);
        ctl_out_print(out, "%s%s", first ? "" : " ", table[i].verb);
        if (last)
            ctl_out_print(out, "\" ;;\n");
    }
    ctl_out_print(out, "  esac\n");
}

/* Options that want a value, so that the word after them is no noun, verb or name. */
static void help_complete_valued(struct ctl_out *out)
{
    const struct ctl_opt_row *rows = ctl_cmd_options();
    ctl_out_print(out, "  local valued=\"");
    for (size_t i = 0; i < CTL_OPT_COUNT; i++) {
        if (rows[i].value == NULL)
            continue;
        ctl_out_print(out, " --%s", rows[i].name);
        if (rows[i].letter != 0)
            ctl_out_print(out, " -%c", rows[i].letter);
    }
    ctl_out_print(out, " \"\n");
}

void ctl_help_completion(struct ctl_out *out)
{
    size_t count;
    const struct ctl_cmd *table = ctl_cmd_table(&count);
    ctl_out_print(out, "# SPDX-License-Identifier: Apache-2.0\n"
                       "# bash completion for spicectl; written by: spicectl completion\n"
                       "_spicectl_names() {\n"
                       "  case \"$1\" in\n"
                       "    node|check|profile|pool|worker)\n"
                       "      spicectl \"${conf[@]}\" --timeout 2s \"$1\" list --json 2>/dev/null |\n"
                       "        grep -o '\"name\": *\"[^\"]*\"' | cut -d'\"' -f4 ;;\n"
                       "    principal) spicectl \"${conf[@]}\" --timeout 2s key list --json 2>/dev/null |\n"
                       "        grep -o '\"name\": *\"[^\"]*\"' | cut -d'\"' -f4 ;;\n"
                       "    stage) echo draft shadow enforcing retired ;;\n"
                       "    role) echo broker scheduler keeper worker reader bridge operator ;;\n"
                       "    command) echo \"$nouns\" ;;\n"
                       "  esac\n"
                       "}\n\n"
                       "_spicectl() {\n"
                       "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
                       "  local noun=\"\" verb=\"\" nouns=\"\" verbs=\"\" kind=\"\" opts=\"\" word i conf=()\n");
    help_complete_valued(out);
    ctl_out_print(out, "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
                       "    word=\"${COMP_WORDS[i]}\"\n"
                       "    case \"$word\" in\n"
                       "      -c|--config) conf=(--config \"${COMP_WORDS[i+1]}\"); ((i++)) ;;\n"
                       "      -*) [[ \"$valued\" == *\" $word \"* ]] && ((i++)) ;;\n"
                       "      *) if [[ -z $noun ]]; then noun=\"$word\"; elif [[ -z $verb ]]; then verb=\"$word\"; fi ;;\n"
                       "    esac\n"
                       "  done\n");
    help_complete_words(out);
    ctl_out_print(out, "  [[ -z $verbs ]] && verb=\"\"\n"
                       "  case \"$noun${verb:+ }$verb\" in\n");
    for (size_t i = 0; i < count; i++)
        help_complete_case(out, &table[i]);
    ctl_out_print(out, "  esac\n"
                       "  case \"$prev\" in\n"
                       "    -c|--config|-f|--file|-o|--to|-p|--prefix) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
                       "    --node) COMPREPLY=($(compgen -W \"$(_spicectl_names node)\" -- \"$cur\")); return ;;\n"
                       "    --check) COMPREPLY=($(compgen -W \"$(_spicectl_names check)\" -- \"$cur\")); return ;;\n"
                       "    --pool) COMPREPLY=($(compgen -W \"$(_spicectl_names pool)\" -- \"$cur\")); return ;;\n"
                       "    --kind) [[ $noun == node ]] && word=\"" HELP_KINDS "\" || word=\"check profile pool node manifest\"\n"
                       "            COMPREPLY=($(compgen -W \"$word\" -- \"$cur\")); return ;;\n"
                       "  esac\n"
                       "  if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W \"${opts:---config --json --help}\" -- \"$cur\"))\n"
                       "  elif [[ -z $noun ]]; then COMPREPLY=($(compgen -W \"$nouns\" -- \"$cur\"))\n"
                       "  elif [[ -n $verbs && -z $verb ]]; then COMPREPLY=($(compgen -W \"$verbs\" -- \"$cur\"))\n"
                       "  elif [[ $kind == file ]]; then COMPREPLY=($(compgen -f -- \"$cur\"))\n"
                       "  elif [[ -n $kind ]]; then COMPREPLY=($(compgen -W \"$(_spicectl_names \"$kind\")\" -- \"$cur\"))\n"
                       "  fi\n"
                       "}\n"
                       "complete -F _spicectl spicectl\n");
}

int ctl_help_complete(struct ctl *ctl)
{
    ctl_help_completion(&ctl->out);
    return CTL_OK;
}
