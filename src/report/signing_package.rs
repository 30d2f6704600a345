//! The operator's package for a signing key: one script, for the host that takes the backups.

use crate::base::text::plain;
use crate::base::text::shell_word;
use crate::report::operator_package::{Filled, KeyAlgorithm, config_option};

const ECC: &str = "Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign";
const RSA: &str = "Key-Type: RSA\nKey-Length: 4096\nKey-Usage: sign";

pub(crate) fn script(filled: &Filled) -> String {
    format!(
        r##"#!/usr/bin/env bash
# pgseal signing key for {host}, {date}. pgseal printed it and ran none of it.
# All of it is for {host}, as the user who takes the backups.
#
# A signature says that whoever holds this key made the backup. It signs with nobody there, so:
#   without a passphrase, as below: whoever takes this host, or a copy of its keyring, can sign;
#   with one (leave out %no-protection, and unlock it in gpg-agent; default-cache-ttl and
#   max-cache-ttl in gpg-agent.conf say for how long): a copied keyring signs nothing, but whoever
#   takes the running host does, and after a restart no backup is taken until it is unlocked.
# Either way it cannot decrypt, and losing it loses no backup: revoke it, make another, and sign the
# runs anew by the envelopes that you kept (pgseal sign).

(
set -euo pipefail
umask 077

# 1. A key of its own, which signs and does nothing else.
install -d -m 0700 {home}
created=$(gpg --homedir {home} --batch --no-options --status-fd=1 --gen-key <<'PARAMETERS'
%no-protection
{block}
Name-Real: {name} signing
Name-Email: {email}
Expire-Date: 2y
PARAMETERS
)
fpr=$(awk '$2 == "KEY_CREATED" {{ print $4 }}' <<<"$created")
[[ $fpr =~ ^([0-9A-F]{{40}}|[0-9A-F]{{64}})$ ]] || {{ echo 'no key was made' >&2; exit 1; }}

# 2. The revocation certificate: whoever has it can end the key. Move it off this host, and keep it:
#    it is what ends the key when the host was taken.
revocation={home}/openpgp-revocs.d/$fpr.rev
test -s "$revocation"

# 3. The public key, for every host that verifies or restores.
public_key=$PWD/pgseal-signing-$fpr.asc
gpg --homedir {home} --batch --no-options --armor --output "$public_key" --export "$fpr"
printf 'fingerprint:             %s\npublic key:              %s\nrevocation certificate:  %s\n' \
  "$fpr" "$public_key" "$revocation"

# 4. Tell pgseal, in its config file; PGSEAL_SIGNING_KEY in the environment does the same.
printf '\n[signing]\nkey = "%s"\n\n' "$fpr"

# 5. It must now be usable: a backup is refused where it is not.
PGSEAL_SIGNING_KEY="$fpr" pgseal preflight{config}

# 6. On every host that verifies or restores, once:
#      gpg --import pgseal-signing-FINGERPRINT.asc
#    and, in its config file, or as --signed-by FINGERPRINT:
#      [signing]
#      trusted = ["FINGERPRINT"]
)
"##,
        host = plain(filled.host),
        date = filled.date,
        home = shell_word(filled.gnupg_home),
        block = match filled.algorithm {
            KeyAlgorithm::Ecc => ECC,
            KeyAlgorithm::Rsa => RSA,
        },
        name = filled.name,
        email = filled.email,
        config = config_option(filled),
    )
}
