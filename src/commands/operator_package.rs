//! `pgseal operator-package`: the operator's steps, filled in for this host. Runs none of them.

use crate::base::env::hostname;
use crate::base::names::RunId;
use crate::base::random;
use crate::config::operator::{OperatorPackage, Part};
use crate::config::settings::Config;
use crate::report::operator_package::{self, Filled, KeyAlgorithm};
use crate::report::print::Answer;
use crate::report::signing_package;
use crate::store::run_files::RunFile;
use jiff::Timestamp;

pub(crate) fn run(args: &OperatorPackage, config: &Config) -> Answer {
    let algorithm = if args.rsa {
        KeyAlgorithm::Rsa
    } else {
        KeyAlgorithm::Ecc
    };
    let script = match (args.signing, args.part) {
        (true, _) => signing_package::script,
        (false, None) => operator_package::overview,
        (false, Some(Part::Operator)) => operator_package::on_the_operators_machine,
        (false, Some(Part::Host)) => operator_package::on_this_host,
    };
    Answer::yes(filled(config, algorithm, script))
}

/// Both scripts for a backup key; where the tables are not configured, it says so in their place.
pub(crate) fn parts(config: &Config) -> [String; 2] {
    [
        operator_package::on_the_operators_machine,
        operator_package::on_this_host,
    ]
    .map(|script| filled(config, KeyAlgorithm::Ecc, script))
}

fn filled(config: &Config, algorithm: KeyAlgorithm, script: fn(&Filled) -> String) -> String {
    let tables = config.tables.as_deref().unwrap_or_default();
    let tables: Vec<String> = tables.iter().map(ToString::to_string).collect();
    let mut random = [0; 4];
    // Only a proposal: without random bytes it is still a legal name.
    let _ = random::fill(&mut random);
    let now = Timestamp::now();
    let run_id = RunId::generate(now, random);
    let artifact = RunFile::artifact(config.compression).of(&run_id);
    script(&Filled {
        host: &hostname(),
        date: &now.strftime("%Y-%m-%d").to_string(),
        algorithm,
        name: &config.operator.name,
        email: &config.operator.email,
        gnupg_home: &config.gnupg_home.display().to_string(),
        env_file: config.env_file.as_ref().map(|f| f.display().to_string()),
        config_file: config.file.as_ref().map(|f| f.display().to_string()),
        run_id: run_id.as_str(),
        artifact: &config.store.join(artifact).display().to_string(),
        tables: &tables,
    })
}
