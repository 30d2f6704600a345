//! The proof of the mechanism.

use crate::base::exit::Exit;
use crate::base::text::plain;
use crate::report::print::Report;
use crate::report::proof::MechanismProof;

/// A proof, step by step, for a person.
impl Report for MechanismProof {
    fn text(&self) -> String {
        let mut out = format!(
            "gpg {} ({}), libgcrypt {}\nthrow-away key: {}\ncompression: {}\n\n",
            plain(&self.gpg.version),
            plain(&self.gpg.path),
            plain(&self.libgcrypt),
            plain(&self.key),
            self.compression
        );
        for step in &self.steps {
            let mark = if step.passed { "ok" } else { "FAIL" };
            out += &format!("  [{mark:^4}] {}: {}\n", step.name, plain(&step.detail));
        }
        out + &format!("\nGPG_MECHANISM_PROOF: {}\n", self.result.as_str())
    }

    fn exit(&self) -> Exit {
        self.result.exit()
    }
}
