//! The operator's package: a script in two parts, one for each machine.

use crate::base::text::plain;
use crate::base::text::shell_word;

/// What keys are made of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KeyAlgorithm {
    Ecc,
    Rsa,
}

/// What this host fills in.
pub(crate) struct Filled<'a> {
    pub host: &'a str,
    pub date: &'a str,
    pub algorithm: KeyAlgorithm,
    pub name: &'a str,
    pub email: &'a str,
    pub gnupg_home: &'a str,
    pub env_file: Option<String>,
    pub config_file: Option<String>,
    pub run_id: &'a str,
    /// Path of what a run of this id would seal.
    pub artifact: &'a str,
    pub tables: &'a [String],
}

/// Algorithms are named, both of them: `default` fails on GnuPG 2.4, and on 2.2 a length alone
/// is the primary's, not the subkey's. No passphrase stands here: pinentry asks for it.
const ECC: &str = "\
Key-Type: EDDSA
Key-Curve: ed25519
Key-Usage: sign,cert
Subkey-Type: ECDH
Subkey-Curve: cv25519
Subkey-Usage: encrypt";
const RSA: &str = "\
Key-Type: RSA
Key-Length: 4096
Key-Usage: sign,cert
Subkey-Type: RSA
Subkey-Length: 4096
Subkey-Usage: encrypt";

pub(crate) fn script(filled: &Filled) -> String {
    let host = plain(filled.host);
    let mut out = format!(
        "#!/usr/bin/env bash\n\
         # pgseal operator package for {host}, {}. pgseal printed it and ran none of it.\n\
         # Two parts for two machines: the secret key never comes to {host}.\n\n",
        filled.date
    );
    out += &on_the_operators_machine(filled);
    out.push('\n');
    out += &on_this_host(filled);
    out
}

fn on_the_operators_machine(filled: &Filled) -> String {
    format!(
        r##"# on the operator's machine

set -euo pipefail
umask 077
GPG_TTY=$(tty) || true
export GPG_TTY

# 1. A key of its own for the backups. pinentry asks for the passphrase: keep it in a vault, never
#    in a file. Key and subkey expire after two years.
created=$(gpg --batch --status-fd=1 --gen-key <<'PARAMETERS'
{block}
Name-Real: {name}
Name-Email: {email}
Expire-Date: 2y
PARAMETERS
)

# 2. Its fingerprint, from gpg's own word on the key that it just made.
fpr=$(awk '$2 == "KEY_CREATED" {{ print $4 }}' <<<"$created")
[[ $fpr =~ ^([0-9A-F]{{40}}|[0-9A-F]{{64}})$ ]] || {{ echo 'no key was made' >&2; exit 1; }}

#    The revocation certificate: whoever has it can end the key. Move it off this machine.
revocation=$(gpgconf --list-dirs homedir)/openpgp-revocs.d/$fpr.rev
test -s "$revocation"

#    The public key: the only part that {host} may have.
public_key=$PWD/pgseal-$fpr.asc
gpg --batch --armor --output "$public_key" --export "$fpr"
printf 'fingerprint:             %s\npublic key:              %s\nrevocation certificate:  %s\n' \
  "$fpr" "$public_key" "$revocation"
"##,
        block = match filled.algorithm {
            KeyAlgorithm::Ecc => ECC,
            KeyAlgorithm::Rsa => RSA,
        },
        name = filled.name,
        email = filled.email,
        host = plain(filled.host),
    )
}

fn on_this_host(filled: &Filled) -> String {
    let home = shell_word(filled.gnupg_home);
    let config = config_option(filled);
    let publish = match &filled.env_file {
        Some(file) => publish_in_file(&shell_word(file)),
        None => "#    No env_file is configured: put the same line into the environment of the \
                 writer.\nexport BACKUP_GPG_FPR=\"$fpr\"\n"
            .to_string(),
    };
    let tables: String = match filled.tables {
        [] => "#      (none is configured yet: [scope] tables)\n".into(),
        tables => tables
            .iter()
            .map(|table| format!("#      {}\n", plain(table)))
            .collect(),
    };
    format!(
        r##"# on this host

set -euo pipefail
umask 077
: "${{fpr:?set it to the fingerprint that the operator read out}}"
public_key=${{public_key:-$PWD/pgseal-$fpr.asc}}

#    The public key alone: a file with a secret key in it is refused.
packets=$(gpg --batch --no-options --list-packets "$public_key")
if grep -q '^:secret' <<<"$packets"; then
  echo "$public_key holds a secret key: it does not belong on this host" >&2
  exit 1
fi
install -d -m 0700 {home}
gpg --homedir {home} --batch --no-options --import "$public_key"
imported=$(gpg --homedir {home} --batch --no-options --with-colons --list-keys "$fpr")
grep -q "^fpr:.*:$fpr:" <<<"$imported"

# 3. Publish the fingerprint.
{publish}
# 4. The backup runner is pgseal itself. It must now be ready:
pgseal preflight{config}

# 5. Prove it, before the first write: a backup, what can be proved of it, and that no row changed.
#      pgseal backup{config} --run-id={run_id}
#        -> {artifact}
#      pgseal verify{config} {run_id}
#      pgseal prove-backup{config}
#    Its scope:
{tables}"##,
        run_id = filled.run_id,
        artifact = plain(filled.artifact),
    )
}

/// ` --config=FILE`, where one was read.
pub(crate) fn config_option(filled: &Filled) -> String {
    let file = filled.config_file.as_ref();
    let option = file.map(|file| format!(" --config={}", shell_word(file)));
    option.unwrap_or_default()
}

/// An empty value is filled, another one is the operator's to replace.
fn publish_in_file(file: &str) -> String {
    format!(
        r##"env_file={file}
test -e "$env_file" || install -m 0600 /dev/null "$env_file"
published=$(sed -n 's/^\(export \)\?BACKUP_GPG_FPR=//p' "$env_file" | tr -d "\"' \r")
if [[ $published == "$fpr" ]]; then
  echo "$env_file names it already"
elif [[ -n $published ]]; then
  echo "$env_file names another key, $published: replace it by hand" >&2
  exit 1
else
  sed -i --follow-symlinks '/^\(export \)\?BACKUP_GPG_FPR=/d' "$env_file"
  [[ ! -s $env_file || -z $(tail -c 1 "$env_file") ]] || echo >>"$env_file"
  printf 'BACKUP_GPG_FPR=%s\n' "$fpr" >>"$env_file"
fi
unset BACKUP_GPG_FPR
"##
    )
}
