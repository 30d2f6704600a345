//! The operator's package: two scripts, one for each machine.

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

/// Which script is for which machine. Nothing of it can be run: as one file it would make the secret
/// key on the host that may never have it.
pub(crate) fn overview(filled: &Filled) -> String {
    let (host, config) = (plain(filled.host), config_option(filled));
    let rsa = match filled.algorithm {
        KeyAlgorithm::Ecc => "",
        KeyAlgorithm::Rsa => " --rsa",
    };
    format!(
        "# pgseal operator package for {host}, {}: two scripts for two machines, since the secret key\n\
         # never comes to {host}. Print each on {host}, and run it with bash, or paste it into one:\n\
         #\n\
         #   pgseal operator-package --part=operator{rsa}{config}\n\
         #     on the operator's machine: makes the key, writes its public part to a file\n\
         #   pgseal operator-package --part=host{config}\n\
         #     on this host, with that file: imports it, publishes its fingerprint, looks what is missing\n",
        filled.date
    )
}

/// A script's first lines, and all of it in a subshell: pasted into a login shell, its `set -e` and
/// its `exit` must not end the session.
fn script(filled: &Filled, place: &str, body: &str) -> String {
    let host = plain(filled.host);
    format!(
        "#!/usr/bin/env bash\n\
         # pgseal operator package for {host}, {}: {place}.\n\
         # pgseal printed it and ran none of it.\n\
         (\n\
         set -euo pipefail\n\
         umask 077\n\n\
         {body})\n",
        filled.date
    )
}

pub(crate) fn on_the_operators_machine(filled: &Filled) -> String {
    let host = plain(filled.host);
    let body = format!(
        r##"# pinentry asks for the passphrase on this terminal.
GPG_TTY=$(tty) || true
export GPG_TTY
if [[ $GPG_TTY == /dev/* && ! ( -r $GPG_TTY && -w $GPG_TTY ) ]]; then
  echo "$GPG_TTY is not yours, as after su, and pinentry could not open it: log in as this user," >&2
  echo 'or make a terminal of your own first: script -q /dev/null' >&2
  exit 1
fi

# 1. A key of its own for the backups. Keep the passphrase in a vault, never in a file. Key and
#    subkey expire after two years.
home=$(gpgconf --list-dirs homedir)
install -d -m 0700 "$home"
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
revocation=$home/openpgp-revocs.d/$fpr.rev
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
    );
    let place = format!("for the operator's machine, never for {host}");
    script(filled, &place, &body)
}

pub(crate) fn on_this_host(filled: &Filled) -> String {
    let home = shell_word(filled.gnupg_home);
    let config = config_option(filled);
    let publish = match &filled.env_file {
        Some(file) => publish_in_file(&shell_word(file)),
        None => "#    No env_file is configured: the writer's environment needs this line.\n\
                 export BACKUP_GPG_FPR=\"$fpr\"\n\
                 echo \"export BACKUP_GPG_FPR=$fpr\"\n"
            .to_string(),
    };
    let tables: String = match filled.tables {
        [] => "#      (none is configured yet: [scope] tables)\n".into(),
        tables => tables
            .iter()
            .map(|table| format!("#      {}\n", plain(table)))
            .collect(),
    };
    let body = format!(
        r##": "${{fpr:?set it to the fingerprint that the operator read out}}"
public_key=${{public_key:-$PWD/pgseal-$fpr.asc}}
install -d -m 0700 {home}
gnupg() {{ gpg --homedir {home} --batch --no-options "$@"; }}

# 1. The public key alone: a file with a secret key in it is refused.
packets=$(gnupg --list-packets "$public_key")
if grep -q '^:secret' <<<"$packets"; then
  echo "$public_key holds a secret key: it does not belong on this host" >&2
  exit 1
fi
gnupg --import "$public_key"
imported=$(gnupg --with-colons --list-keys "$fpr")
grep -q "^fpr:.*:$fpr:" <<<"$imported"

# 2. Publish the fingerprint.
{publish}
# 3. The backup runner is pgseal itself. It must now be ready:
pgseal preflight{config}

# 4. Prove it, before the first write: a backup, what can be proved of it, and that no row changed.
#      pgseal backup{config} --run-id={run_id}
#        -> {artifact}
#      pgseal verify{config} {run_id}
#      pgseal prove-backup{config}
#    Its scope:
{tables}"##,
        run_id = filled.run_id,
        artifact = plain(filled.artifact),
    );
    script(filled, "for this host", &body)
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
