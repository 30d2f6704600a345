//! The readiness report as Markdown, to be filed as it is.

use crate::base::text::shell_word;
use crate::base::text::{counted, plain};
use crate::report::matrix::{Evidence, EvidenceKind, Row};
use crate::report::proof::Readiness;

/// `package` are the operator's scripts: for the operator's machine, and for this host.
pub(crate) fn report(found: &Readiness, package: &[String; 2]) -> String {
    let verdict = &found.verdict;
    let mut out = format!(
        "# Backup readiness\n\n- date_utc: {}\n- host: {}\n- tool: pgseal {}\n\
         - result: G3 {}, F4 {}\n\n## 1. Backup readiness matrix\n\n\
         | Component | State | Evidence |\n|---|---|---|\n",
        found.created_at,
        cell(&found.host),
        found.pgseal_version,
        verdict.g3.as_str(),
        verdict.f4_status.as_str()
    );
    for row in found.rows.rows() {
        out += &line(&row);
    }
    out += &commands(found);
    out += &proof(found);
    out += &scope(found);
    out += "\n## 4. What backup_runner must return\n\n\
        `pre_write_backup` lets nothing pass unless the runner returns a complete envelope, one \
        line of JSON with exactly these keys:\n\n\
        - `sha256`: 64 hex digits, lower case, of the artifact's bytes\n\
        - `size_bytes`: of the artifact, above 0\n\
        - `gpg_fpr`: the recipient's primary fingerprint, upper case\n\
        - `artifact_ref`: absolute path of the artifact\n\n\
        A field that is missing, empty or malformed raises `StopInvariantFailed`: no envelope, \
        no write.\n";
    out += "\n## 5. Operator command package (not executed)\n\n";
    out += &package
        .each_ref()
        .map(|part| fenced("shell", part))
        .join("\n");
    out += "\n## 6. Verdict\n\n";
    out + &fenced("text", &verdict.text())
}

fn line(row: &Row) -> String {
    let mut parts: Vec<String> = row.evidence.iter().map(said).collect();
    let hints = row.hint.as_deref().unwrap_or_default().lines();
    parts.extend(hints.map(|hint| format!("hint: {}", cell(hint))));
    format!(
        "| {} | {} | {} |\n",
        row.component,
        row.state.as_str(),
        parts.join("<br>")
    )
}

fn said(evidence: &Evidence) -> String {
    let answer = cell(&evidence.answer);
    match (evidence.kind, &evidence.source) {
        (EvidenceKind::Warning, _) => format!("**warning:** {answer}"),
        (_, Some(source)) => format!("{}: {answer}", cell(source)),
        _ => answer,
    }
}

/// What was run, in full, once each.
fn commands(found: &Readiness) -> String {
    let rows = found.rows.rows();
    let mut seen: Vec<String> = Vec::new();
    for evidence in rows.iter().flat_map(|row| row.evidence) {
        let Some(argv) = &evidence.argv else { continue };
        let words: Vec<String> = argv.iter().map(|word| shell_word(word)).collect();
        let command = plain(&words.join(" "));
        if !seen.contains(&command) {
            seen.push(command);
        }
    }
    let all: String = seen.iter().map(|command| format!("{command}\n")).collect();
    format!("\nWhat was run:\n\n{}", fenced("text", &all))
}

fn proof(found: &Readiness) -> String {
    let mut out =
        String::from("\n## 2. GPG mechanism proof: throw-away key, no persistent key\n\n");
    let Some(proof) = &found.gpg_mechanism_proof else {
        return out + "It could not be made; the matrix says why.\n";
    };
    out += &format!(
        "- gpg {}, libgcrypt {}\n- throw-away key: {}\n- compression: {}\n\n",
        cell(&proof.gpg.version),
        cell(&proof.libgcrypt),
        cell(&proof.key),
        cell(&proof.compression)
    );
    for step in &proof.steps {
        let mark = if step.passed { "ok" } else { "FAIL" };
        out += &format!("- {}: {mark}: {}\n", step.name, cell(&step.detail));
    }
    out += &format!("- GPG_MECHANISM_PROOF: {}\n", proof.result.as_str());
    out + &format!(
        "- secrets exposed: {}; a canary passphrase was searched for in {}\n",
        found.verdict.secrets_exposed.as_str(),
        cell(&found.searched.join("; "))
    )
}

fn scope(found: &Readiness) -> String {
    let mut out = format!(
        "\n## 3. Backup scope: {}\n\n",
        counted(found.tables.len(), "table")
    );
    for table in &found.tables {
        out += &format!("- {}\n", cell(table));
    }
    if found.tables.is_empty() {
        out += "No table is configured, or the setting cannot be read.\n";
    }
    out
}

/// Text that cannot end its cell or begin a tag, a link or emphasis of its own.
fn cell(text: &str) -> String {
    let text: Vec<char> = plain(text).chars().collect();
    let mut out = String::new();
    for (at, &c) in text.iter().enumerate() {
        let beside = |at: Option<usize>| {
            at.and_then(|at| text.get(at))
                .is_some_and(|c| c.is_alphanumeric())
        };
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // Inside a word it means nothing, and names are full of it.
            '_' if beside(at.checked_sub(1)) && beside(at.checked_add(1)) => out.push('_'),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// The fence is longer than any run of backticks inside.
fn fenced(language: &str, text: &str) -> String {
    let longest = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}{language}\n{text}{end}{fence}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_its_cell() {
        assert_eq!(
            cell("a|b\n`c`<i>&\x1ba_b _c_"),
            "a\\|b\\\\n\\`c\\`&lt;i&gt;&amp;\\\\u{1b}a_b \\_c\\_"
        );
        assert_eq!(fenced("sh", "a ```` b"), "`````sh\na ```` b\n`````\n");
    }
}
