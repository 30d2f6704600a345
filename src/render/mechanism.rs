//! The proof of the mechanism.

use super::term::plain;
use crate::report::MechanismProof;

/// A proof, step by step, for a person.
pub(crate) fn text(proof: &MechanismProof) -> String {
    let mut out = format!(
        "gpg {} ({}), libgcrypt {}\nthrow-away key: {}\ncompression: {}\n\n",
        plain(&proof.gpg.version),
        plain(&proof.gpg.path),
        plain(&proof.libgcrypt),
        plain(&proof.key),
        proof.compression
    );
    for step in &proof.steps {
        let mark = if step.passed { "ok" } else { "FAIL" };
        out += &format!("  [{mark:^4}] {}: {}\n", step.name, plain(&step.detail));
    }
    out + &format!("\nGPG_MECHANISM_PROOF: {}\n", proof.result.as_str())
}
