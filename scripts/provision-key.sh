#!/usr/bin/env bash
# Makes the backup key, on the operator's machine and never on the database host, step by step: it
# asks before it acts, and gpg's own pinentry asks for the passphrase. What it does is what
# `pgseal operator-package` prints. With --signing it makes the key that signs backups instead, on
# the very host that takes them.
#
#   scripts/provision-key.sh [--rsa] [--signing]
set -euo pipefail
umask 077

refuse() {
  printf '%s\n' "$@" >&2
  exit 1
}

# A yes is typed, whole, or it is a no.
confirm() {
  local answer
  read -r -p "$1 [type yes] " answer || answer=''
  [[ $answer == yes ]] || refuse 'nothing more was done'
}

kind=backup algorithm=ecc
for option; do
  case $option in
    --rsa) algorithm=rsa ;;
    --signing) kind=signing ;;
    *)
      echo 'usage: provision-key.sh [--rsa] [--signing]' >&2
      exit 2
      ;;
  esac
done
case $kind-$algorithm in
  backup-ecc)
    shape='ed25519 with cv25519 for encryption'
    parameters=$'Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign,cert
Subkey-Type: ECDH\nSubkey-Curve: cv25519\nSubkey-Usage: encrypt'
    ;;
  backup-rsa)
    shape='RSA 4096, both keys'
    parameters=$'Key-Type: RSA\nKey-Length: 4096\nKey-Usage: sign,cert
Subkey-Type: RSA\nSubkey-Length: 4096\nSubkey-Usage: encrypt'
    ;;
  signing-ecc)
    shape='ed25519, which only signs'
    parameters=$'Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign'
    ;;
  signing-rsa)
    shape='RSA 4096, which only signs'
    parameters=$'Key-Type: RSA\nKey-Length: 4096\nKey-Usage: sign'
    ;;
esac

[[ -t 0 && -t 1 ]] || refuse 'this makes a secret key: run it in a terminal, by hand'
command -v gpg >/dev/null || refuse 'missing: gpg' '  apt-get install gnupg'
GPG_TTY=$(tty)
export GPG_TTY
[[ -r $GPG_TTY && -w $GPG_TTY ]] ||
  refuse "$GPG_TTY is not yours, as after su, and pinentry could not open it: log in as this user," \
    'or make a terminal of your own first: script -q /dev/null'

home=$(gpgconf --list-dirs homedir)
install -d -m 0700 "$home"
if [[ $kind == signing ]]; then
  printf 'Is this the host that takes the backups, and are you the user who takes them?\n'
else
  printf 'Is this the operator'\''s machine, and not a host that takes backups?\n'
fi
confirm "The secret key will be in $home on $(hostname)."

read -r -p 'Name on the key: ' name
[[ ${#name} -ge 5 && $name != *[$'<>()"\\']* && $name != *[[:cntrl:]]* ]] ||
  refuse 'the name needs five letters or more, no brackets, quotes or backslashes'
read -r -p 'Mail address on the key: ' email
[[ $email =~ ^[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+$ ]] || refuse 'that is not a mail address'

printf '\nA new key: %s\n  %s <%s>, expires after 2 years\n' "$shape" "$name" "$email"
if [[ $kind == signing ]]; then
  printf '%s\n' 'It must sign with nobody there. Without a passphrase, whoever takes this host or a copy of its' \
    'keyring can sign. With one, it must be unlocked in gpg-agent before each run (default-cache-ttl):' \
    'a copied keyring signs nothing, but whoever takes the running host does.'
  read -r -p 'With a passphrase? [yes or no] ' protected || protected=''
  case $protected in
    yes) ;;
    no) parameters=$'%no-protection\n'$parameters ;;
    *) refuse 'nothing more was done' ;;
  esac
fi
[[ $parameters == %no-protection* ]] ||
  printf 'pinentry will ask for a passphrase. Choose it in your vault; it is never shown here.\n'
confirm 'Make it?'
created=$(
  gpg --batch --status-fd=1 --gen-key <<PARAMETERS
$parameters
Name-Real: $name
Name-Email: $email
Expire-Date: 2y
PARAMETERS
)
fpr=$(awk '$2 == "KEY_CREATED" { print $4 }' <<<"$created")
[[ $fpr =~ ^([0-9A-F]{40}|[0-9A-F]{64})$ ]] || refuse 'gpg made no key'
printf '\nfingerprint: %s\n' "$fpr"

revocation=$home/openpgp-revocs.d/$fpr.rev
[[ -s $revocation ]] || refuse "gpg left no revocation certificate in $revocation"
printf 'revocation certificate: %s\n  Whoever has it can end the key: move it off this machine.\n' \
  "$revocation"

public_key=$PWD/pgseal-$fpr.asc
[[ $kind == backup ]] || public_key=$PWD/pgseal-signing-$fpr.asc
[[ ! -e $public_key ]] || refuse "$public_key is there already"
confirm "Write the public key to $public_key?"
gpg --batch --armor --output "$public_key" --export "$fpr"

if [[ $kind == signing ]]; then
  cat <<NEXT

On this host, in pgseal's config file (PGSEAL_SIGNING_KEY in the environment does the same):
  [signing]
  key = "$fpr"
On every host that verifies or restores, with $public_key copied there:
  gpg --import WHERE_YOU_COPIED_IT
  [signing]
  trusted = ["$fpr"]
NEXT
  exit
fi
cat <<NEXT

On the host that takes the backups:
  copy $public_key there, then run what
  'pgseal operator-package --part=host' prints there, with
    fpr=$fpr
    public_key=WHERE_YOU_COPIED_IT
NEXT
