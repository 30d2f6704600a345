//! The backup key: which setting names it, whether gpg would encrypt to it, and what an operator
//! should know of it.

use crate::backup::gather::HostAnswers;
use crate::base::error::{Code, Error, Result};
use crate::base::hint::{Hint, Hints};
use crate::base::names::Fingerprint;
use crate::base::text::{counted, shell_word};
use crate::config::recipients::Recipients;
use crate::gnupg::colons::{self, Key, KeyUse, Unfit, day};
use crate::gnupg::command::Gpg;
use crate::gnupg::keyring::{self, Recipient};
use crate::gnupg::remedy::UnfitKey;
use crate::process::ask;
use crate::process::run::{Input, run};
use crate::readiness::audit::{Host, refusal, unasked};
use crate::readiness::signing;
use crate::report::matrix::{Evidence, Finding};
use crate::report::row_state::KeyFlaw;
use jiff::Timestamp;

/// Read by gpg even with `--no-options`.
const GLOBAL_CONF: &str = "/etc/gnupg/gpg.conf";

pub(crate) fn check(host: &Host, answers: &HostAnswers) -> Finding {
    if let Err(error) = host.refused("gnupg_home") {
        return refusal(&error);
    }
    let gpg = match &answers.gpg {
        Ok(gpg) => gpg,
        Err(error) => return unasked(error),
    };
    let finding = match (&host.config.recipients, &answers.keys) {
        (Ok(recipients), Ok(keys)) => judge(host, gpg, recipients, keys),
        (Err(error), _) | (_, Err(error)) => unset(host, error),
    };
    let finding = match signing::check(host, &answers.signer) {
        Ok(evidence) => finding.with_all(evidence),
        Err(unfit) => {
            let hints = unfit.hints().clone().then(finding.hints().clone());
            unfit.hint(hints).with_all(finding.evidence().to_vec())
        }
    };
    let conf = std::fs::read_to_string(GLOBAL_CONF).unwrap_or_default();
    finding
        .with(keyring(host, gpg))
        .with_all(redirections(&conf))
}

/// No recipient is configured, or none that can be read.
fn unset(host: &Host, error: &Error) -> Finding {
    let finding = refusal(error);
    if !error.absent {
        return finding;
    }
    let publish = match &host.config.env_file {
        Some(file) => format!(
            "printf 'BACKUP_GPG_FPR=%s\\n' FINGERPRINT >> {}",
            shell_word(&file.display().to_string())
        ),
        None => "export BACKUP_GPG_FPR=FINGERPRINT".into(),
    };
    let make = Hint::pgseal(&["operator-package"])
        .note("steps that make a key; then, with its fingerprint:");
    finding.hint(Hints::from(make).then(Hint::run(publish)))
}

fn judge(host: &Host, gpg: &Gpg, recipients: &Recipients, keys: &[Result<Key>]) -> Finding {
    let now = Timestamp::now().as_second();
    let source = Evidence::read(
        &recipients.source,
        format!(
            "BACKUP_GPG_FPR names {}",
            counted(recipients.fingerprints.len(), "recipient")
        ),
    );
    let mut all: Option<Finding> = None;
    let mut more = vec![source];
    for (fingerprint, key) in recipients.fingerprints.iter().zip(keys) {
        let finding = match one(host, gpg, fingerprint, key, now) {
            Ok((evidence, warnings)) => {
                more.extend(warnings);
                match all.take() {
                    None => Finding::ready(evidence),
                    Some(found) => found.with(evidence),
                }
            }
            // One that is unfit is enough: a backup to the others alone is refused too.
            Err(unfit) => return unfit.with_all(more),
        };
        all = Some(finding);
    }
    if recipients.fingerprints.len() == 1 {
        more.push(Evidence::warning(
            "only one recipient: who loses its secret key or passphrase loses every backup",
        ));
    }
    match all {
        Some(finding) => finding.with_all(more),
        None => Finding::missing("no recipient is configured"),
    }
}

type Fit = (Evidence, Vec<Evidence>);

fn one(
    host: &Host,
    gpg: &Gpg,
    fingerprint: &Fingerprint,
    key: &Result<Key>,
    now: i64,
) -> std::result::Result<Fit, Finding> {
    let key = key.as_ref().map_err(refusal)?;
    let spec = gpg.list_key(fingerprint.as_str());
    let recipient = Recipient::of(key.clone(), now).map_err(|why| {
        let unfit = UnfitKey {
            key,
            why,
            usage: KeyUse::Encrypt,
            now,
            home: &gpg.home,
        };
        Finding::failed(format!("the key {fingerprint} {}", unfit.told()))
            .because(flaw(why))
            .with(Evidence::run(&spec, described(key)))
            .hint(unfit.remedy())
    })?;
    let subkey = &recipient.subkey;
    let answer = format!(
        "{}, encryption subkey {} {}, {}",
        described(key),
        subkey.algorithm,
        subkey.fingerprint,
        expiry(recipient.expires_at)
    );
    let mut warnings = Vec::new();
    for part in [&key.primary, subkey] {
        if part.algorithm.starts_with("rsa") && part.bits < 3072 {
            warnings.push(format!(
                "{} of {fingerprint} is shorter than RSA 3072",
                part.algorithm
            ));
        }
    }
    if secret_here(host, gpg, fingerprint) {
        warnings.push(format!(
            "the secret key of {fingerprint} is on this host: who takes the host reads the backups"
        ));
    }
    warnings.extend(recipient.expires_soon(now));
    let warnings = warnings.into_iter().map(Evidence::warning).collect();
    Ok((Evidence::run(&spec, answer), warnings))
}

pub(crate) fn expiry(at: Option<i64>) -> String {
    at.map_or("never expires".into(), |at| format!("expires {}", day(at)))
}

pub(crate) fn described(key: &Key) -> String {
    format!(
        "{} \"{}\", primary {}",
        key.primary.fingerprint, key.user_id, key.primary.algorithm
    )
}

fn flaw(unfit: Unfit) -> Option<KeyFlaw> {
    match unfit {
        Unfit::Expired => Some(KeyFlaw::Expired),
        Unfit::Revoked => Some(KeyFlaw::Revoked),
        Unfit::Disabled => Some(KeyFlaw::Disabled),
        Unfit::NoEncryptionSubkey => Some(KeyFlaw::NoEncryptionSubkey),
        Unfit::Invalid | Unfit::NotYet | Unfit::NoSigningKey => None,
    }
}

/// Looked up by file name: gpg itself would start an agent to tell.
fn secret_here(host: &Host, gpg: &Gpg, fingerprint: &Fingerprint) -> bool {
    let spec = gpg.list_keygrips(fingerprint.as_str());
    let text = run(&spec, Input::Null, host.cancel).text();
    let folder = host.config.gnupg_home.join("private-keys-v1.d");
    let mut grips = colons::keygrips(&text).into_iter();
    grips.any(|grip| folder.join(format!("{grip}.key")).exists())
}

fn keyring(host: &Host, gpg: &Gpg) -> Evidence {
    let home = host.config.gnupg_home.display();
    match keyring::has_keyring(&host.config.gnupg_home) {
        Ok(true) => {}
        Ok(false) => return Evidence::read(format!("{home}"), "0 public keys: no keyring there"),
        Err(error) => return Evidence::read(format!("{home}"), error.message),
    }
    let spec = gpg.list_keys();
    let what = "cannot list the keyring";
    match ask::ask(&spec, Input::Null, host.cancel, Code::KeyUnfit, what) {
        Ok(ran) => {
            let found = counted(colons::keys(&ran.text()).len(), "public key");
            Evidence::run(&spec, format!("{found} in {home}"))
        }
        Err(error) => Evidence::run(&spec, error.message),
    }
}

/// Lines that could send a message to somebody else, or to one more.
fn redirections(conf: &str) -> Vec<Evidence> {
    const WORDS: &[&str] = &[
        "group",
        "recipient",
        "recipient-file",
        "hidden-recipient",
        "hidden-recipient-file",
        "encrypt-to",
        "hidden-encrypt-to",
        "default-recipient",
        "default-recipient-self",
    ];
    let lines = conf.lines().enumerate().filter_map(|(at, line)| {
        let word = line.trim().trim_start_matches("--");
        let word = word.split(|c: char| c.is_whitespace() || c == '=').next()?;
        WORDS.contains(&word).then(|| {
            Evidence::warning(format!(
                "{GLOBAL_CONF} line {}: `{word}` could redirect a recipient; a backup that it \
                 changes is refused",
                at + 1
            ))
        })
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_redirect() {
        let conf = "# group a = b\nkeyserver x\n group F = G\n--encrypt-to X\nrecipient=y\n";
        let found = redirections(conf);
        assert_eq!(found.len(), 3);
        assert!(found[0].answer.contains("line 3: `group`"));
    }
}
