# SPDX-License-Identifier: Apache-2.0
# bash completion for spicectl; written by: spicectl completion
_spicectl_names() {
  case "$1" in
    node|check|profile|pool|worker)
      spicectl "${conf[@]}" --timeout 2s "$1" list --json 2>/dev/null |
        grep -o '"name": *"[^"]*"' | cut -d'"' -f4 ;;
    principal) spicectl "${conf[@]}" --timeout 2s key list --json 2>/dev/null |
        grep -o '"name": *"[^"]*"' | cut -d'"' -f4 ;;
    stage) echo draft shadow enforcing retired ;;
    role) echo broker scheduler keeper worker reader bridge operator ;;
    command) echo "$nouns" ;;
  esac
}

_spicectl() {
  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"
  local noun="" verb="" nouns="" verbs="" kind="" opts="" word i conf=()
  local valued=" --config -c --name -n --timeout -t --selector -l --file -f --prefix -p --broker-tcp --workers --bridges --to -o --key -k --address --labels --node --check --limit --after --kind --pool --adapters --nodes --ttl --for --arguments --overlap --filter-state --attester --roots --pin --skip --pcrs "
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="${COMP_WORDS[i]}"
    case "$word" in
      -c|--config) conf=(--config "${COMP_WORDS[i+1]}"); ((i++)) ;;
      -*) [[ "$valued" == *" $word "* ]] && ((i++)) ;;
      *) if [[ -z $noun ]]; then noun="$word"; elif [[ -z $verb ]]; then verb="$word"; fi ;;
    esac
  done
  nouns="init host node check profile pool result audit explain exposure events reader trait stats top trace doctor apply export worker key reference manifest completion help"
  case "$noun" in
    host) verbs="export" ;;
    node) verbs="list show add label inventory resume maintenance quarantine retire delete enroll approve unenroll" ;;
    check) verbs="list show enable disable stage run delete verify" ;;
    profile) verbs="list show select delete" ;;
    pool) verbs="list show members delete" ;;
    result) verbs="list history" ;;
    audit) verbs="list verify" ;;
    reader) verbs="status" ;;
    trait) verbs="status" ;;
    worker) verbs="list invite drain remove" ;;
    key) verbs="list invite fingerprint rotate prepare switch revoke" ;;
    reference) verbs="check learn" ;;
    manifest) verbs="make sign show" ;;
  esac
  [[ -z $verbs ]] && verb=""
  case "$noun${verb:+ }$verb" in
    "init") kind=""; opts="--config --name --json --timeout --help --version --dry-run --prefix --broker-tcp --workers --bridges" ;;
    "host export") kind="role"; opts="--config --name --json --timeout --help --version --dry-run --yes --to" ;;
    "node list") kind="node"; opts="--config --name --json --timeout --help --version --selector --pool" ;;
    "node show") kind="node"; opts="--config --name --json --timeout --help --version" ;;
    "node add") kind=""; opts="--config --name --json --timeout --help --version --dry-run --key --address --labels" ;;
    "node label") kind="node"; opts="--config --name --json --timeout --help --version --dry-run --yes --all --selector" ;;
    "node inventory") kind="node"; opts="--config --name --json --timeout --help --version --dry-run --yes --all --kind --accept" ;;
    "node resume") kind="node"; opts="--config --name --json --timeout --help --version --dry-run --yes --all --selector" ;;
    "node maintenance") kind="node"; opts="--config --name --json --timeout --help --version --dry-run --yes --all --selector" ;;
    "node quarantine") kind="node"; opts="--config --name --json --timeout --help --version --dry-run --yes --all --selector" ;;
    "node retire") kind="node"; opts="--config --name --json --timeout --help --version --dry-run --yes --all --selector" ;;
    "node delete") kind="node"; opts="--config --name --json --timeout --help --version --dry-run --yes --all --selector" ;;
    "node enroll") kind="node"; opts="--config --name --json --timeout --help --version --dry-run --yes --all --selector --roots --pin --first-use --replace" ;;
    "node approve") kind="node"; opts="--config --name --json --timeout --help --version --dry-run --yes --roots --pin --first-use" ;;
    "node unenroll") kind="node"; opts="--config --name --json --timeout --help --version --dry-run --yes --all --selector" ;;
    "check list") kind="check"; opts="--config --name --json --timeout --help --version --selector" ;;
    "check show") kind="check"; opts="--config --name --json --timeout --help --version" ;;
    "check enable") kind="check"; opts="--config --name --json --timeout --help --version --dry-run --yes --all --selector" ;;
    "check disable") kind="check"; opts="--config --name --json --timeout --help --version --dry-run --yes --all --selector" ;;
    "check stage") kind="stage"; opts="--config --name --json --timeout --help --version --dry-run --yes --all --selector" ;;
    "check run") kind="check"; opts="--config --name --json --timeout --help --version --dry-run --yes --all --selector --wait" ;;
    "check delete") kind="check"; opts="--config --name --json --timeout --help --version --dry-run --yes --all --selector" ;;
    "check verify") kind="file"; opts="--config --name --json --timeout --help --version --node" ;;
    "profile list") kind="profile"; opts="--config --name --json --timeout --help --version" ;;
    "profile show") kind="profile"; opts="--config --name --json --timeout --help --version" ;;
    "profile select") kind="profile"; opts="--config --name --json --timeout --help --version --dry-run --yes --all --selector" ;;
    "profile delete") kind="profile"; opts="--config --name --json --timeout --help --version --dry-run --yes" ;;
    "pool list") kind="pool"; opts="--config --name --json --timeout --help --version" ;;
    "pool show") kind="pool"; opts="--config --name --json --timeout --help --version" ;;
    "pool members") kind="pool"; opts="--config --name --json --timeout --help --version --all --selector" ;;
    "pool delete") kind="pool"; opts="--config --name --json --timeout --help --version --dry-run --yes" ;;
    "result list") kind=""; opts="--config --name --json --timeout --help --version --node --check --limit --after --test" ;;
    "result history") kind="node"; opts="--config --name --json --timeout --help --version --limit" ;;
    "audit list") kind=""; opts="--config --name --json --timeout --help --version --node --limit --after" ;;
    "audit verify") kind=""; opts="--config --name --json --timeout --help --version" ;;
    "explain") kind="node"; opts="--config --name --json --timeout --help --version --pool" ;;
    "exposure") kind=""; opts="--config --name --json --timeout --help --version --node --pool" ;;
    "events") kind=""; opts="--config --name --json --timeout --help --version --node --limit --pool --for" ;;
    "reader status") kind=""; opts="--config --name --json --timeout --help --version --pool" ;;
    "trait status") kind=""; opts="--config --name --json --timeout --help --version --node --pool" ;;
    "stats") kind="principal"; opts="--config --name --json --timeout --help --version" ;;
    "top") kind=""; opts="--config --name --json --timeout --help --version --once --for" ;;
    "trace") kind=""; opts="--config --name --json --timeout --help --version" ;;
    "doctor") kind=""; opts="--config --name --json --timeout --help --version --filter-state --path" ;;
    "apply") kind=""; opts="--config --name --json --timeout --help --version --dry-run --yes --file --key --keep-going --unknown-adapter" ;;
    "export") kind=""; opts="--config --name --json --timeout --help --version --to --kind" ;;
    "worker list") kind="worker"; opts="--config --name --json --timeout --help --version" ;;
    "worker invite") kind=""; opts="--config --name --json --timeout --help --version --dry-run --labels --adapters --nodes --ttl --unknown-adapter" ;;
    "worker drain") kind="worker"; opts="--config --name --json --timeout --help --version --dry-run --yes" ;;
    "worker remove") kind="worker"; opts="--config --name --json --timeout --help --version --dry-run --yes" ;;
    "key list") kind=""; opts="--config --name --json --timeout --help --version" ;;
    "key invite") kind=""; opts="--config --name --json --timeout --help --version --dry-run --ttl --attester" ;;
    "key fingerprint") kind="principal"; opts="--config --name --json --timeout --help --version" ;;
    "key rotate") kind="principal"; opts="--config --name --json --timeout --help --version --dry-run" ;;
    "key prepare") kind="principal"; opts="--config --name --json --timeout --help --version --dry-run" ;;
    "key switch") kind="principal"; opts="--config --name --json --timeout --help --version --dry-run --overlap" ;;
    "key revoke") kind="principal"; opts="--config --name --json --timeout --help --version --dry-run --yes" ;;
    "reference check") kind="file"; opts="--config --name --json --timeout --help --version" ;;
    "reference learn") kind="node"; opts="--config --name --json --timeout --help --version --dry-run --to --pcrs" ;;
    "manifest make") kind="file"; opts="--config --name --json --timeout --help --version --dry-run --prefix --to --skip --dpkg --any-owner" ;;
    "manifest sign") kind="file"; opts="--config --name --json --timeout --help --version --dry-run --to --key --network --resident --arguments" ;;
    "manifest show") kind="file"; opts="--config --name --json --timeout --help --version" ;;
    "completion") kind=""; opts="--config --name --json --timeout --help --version" ;;
    "help") kind="command"; opts="--config --name --json --timeout --help --version" ;;
  esac
  case "$prev" in
    -c|--config|-f|--file|-o|--to|-p|--prefix) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --node) COMPREPLY=($(compgen -W "$(_spicectl_names node)" -- "$cur")); return ;;
    --check) COMPREPLY=($(compgen -W "$(_spicectl_names check)" -- "$cur")); return ;;
    --pool) COMPREPLY=($(compgen -W "$(_spicectl_names pool)" -- "$cur")); return ;;
    --kind) [[ $noun == node ]] && word="discovered renamed conflict back unregistered missing gone held_back bad_name foreign " || word="check profile pool node manifest"
            COMPREPLY=($(compgen -W "$word" -- "$cur")); return ;;
  esac
  if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W "${opts:---config --json --help}" -- "$cur"))
  elif [[ -z $noun ]]; then COMPREPLY=($(compgen -W "$nouns" -- "$cur"))
  elif [[ -n $verbs && -z $verb ]]; then COMPREPLY=($(compgen -W "$verbs" -- "$cur"))
  elif [[ $kind == file ]]; then COMPREPLY=($(compgen -f -- "$cur"))
  elif [[ -n $kind ]]; then COMPREPLY=($(compgen -W "$(_spicectl_names "$kind")" -- "$cur"))
  fi
}
complete -F _spicectl spicectl
