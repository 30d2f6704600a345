//! `pgseal operator-package`: the operator's steps, filled in for this host. Runs none of them.

use crate::base::env::hostname;
use crate::base::names::RunId;
use crate::base::random;
use crate::config::cli;
use crate::config::settings::Config;
use crate::report::operator_package::{self, Filled, KeyAlgorithm};
use crate::report::print::Answer;
use crate::report::signing_package;
use crate::store::run_files::RunFile;
use jiff::Timestamp;

pub(crate) fn run(args: &cli::OperatorPackage, config: &Config) -> Answer {
    let algorithm = if args.rsa {
        KeyAlgorithm::Rsa
    } else {
        KeyAlgorithm::Ecc
    };
    Answer::yes(if args.signing {
        filled(config, algorithm, signing_package::script)
    } else {
        text(config, algorithm)
    })
}

/// The steps for a backup key; where the tables are not configured, it says so in their place.
pub(crate) fn text(config: &Config, algorithm: KeyAlgorithm) -> String {
    filled(config, algorithm, operator_package::script)
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
