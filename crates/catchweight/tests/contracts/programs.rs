//! The flags and variables of our programs, read from their command-line definitions.

use std::collections::BTreeSet;

use clap::{Arg, Args, Command, CommandFactory, Parser};
use pipeline_folder::FolderArgs;
use service_runtime::cli::{ServiceArgs, ServiceCommand};

/// The command line of a service: the shared settings and its own.
#[derive(Parser)]
struct Service<Settings: Args> {
    #[command(subcommand)]
    _command: Option<ServiceCommand>,
    #[command(flatten)]
    _folder: FolderArgs,
    #[command(flatten)]
    _service: ServiceArgs,
    #[command(flatten)]
    _settings: Settings,
}

/// The command line of a service whose settings contain the pipeline's folder.
#[derive(Parser)]
struct ServiceWithFolder<Settings: Args> {
    #[command(subcommand)]
    _command: Option<ServiceCommand>,
    #[command(flatten)]
    _service: ServiceArgs,
    #[command(flatten)]
    _settings: Settings,
}

/// The command line of the program `name`.
fn command_line(name: &str) -> Command {
    let mut command = match name {
        "catchweight" => catchweight::cli::Cli::command(),
        "fish-producer" => fish_producer::service::Cli::command(),
        "model-server" => Service::<model_server::Config>::command(),
        "monitor" => ServiceWithFolder::<monitor::Config>::command(),
        "predictor" => Service::<predictor::Config>::command(),
        _ => panic!("there is no program {name}"),
    };
    command.build();
    command
}

/// The command that a call runs (a subcommand or the program itself) and its arguments.
fn called<'a, 'w>(program: &'a Command, words: &'w [&'w str]) -> (&'a Command, &'w [&'w str]) {
    let named = words.first().and_then(|word| program.find_subcommand(word));
    named.map_or((program, words), |command| (command, &words[1..]))
}

/// The words of a call of the program `name` that it does not know: flags that the called command
/// does not define, and a first word that is neither a flag nor a subcommand.
pub(crate) fn unknown(name: &str, words: &[&str]) -> Vec<String> {
    let program = command_line(name);
    let (command, arguments) = called(&program, words);
    let misnamed = words
        .first()
        .is_some_and(|word| !word.starts_with('-') && command.get_name() == program.get_name());
    arguments
        .iter()
        .enumerate()
        .filter(|(nth, word)| (*nth == 0 && misnamed) || !has(command, word))
        .map(|(_, word)| (*word).to_owned())
        .collect()
}

/// Whether a word of a call is a flag that the command defines, or not a flag.
fn has(command: &Command, word: &str) -> bool {
    let is = |flag: &dyn Fn(&Arg) -> bool| command.get_arguments().any(flag);
    if let Some(long) = word.strip_prefix("--") {
        let long = long.split('=').next();
        return is(&|one| one.get_long() == long);
    }
    match word.strip_prefix('-').and_then(|rest| rest.chars().next()) {
        Some(short) => is(&|one| one.get_short() == Some(short)),
        None => true,
    }
}

/// The environment variables that a call of the program `name` reads.
pub(crate) fn variables(name: &str, words: &[&str]) -> BTreeSet<String> {
    let program = command_line(name);
    let (command, _) = called(&program, words);
    let read = command.get_arguments().filter_map(Arg::get_env);
    let read = read.map(|variable| variable.to_str().unwrap().to_owned());
    // The log filter is read by `tracing`, not by the command line.
    read.chain(["RUST_LOG".to_owned()]).collect()
}

#[test]
fn flags_and_variables_belong_to_one_subcommand() {
    assert!(unknown("catchweight", &["verify", "--follow", "--fish=180"]).is_empty());
    assert_eq!(
        unknown("catchweight", &["verify", "--newest"]),
        ["--newest"]
    );
    assert_eq!(unknown("catchweight", &["--follow"]), ["--follow"]);
    assert_eq!(unknown("catchweight", &["verfy", "-Z"]), ["verfy", "-Z"]);
    assert_eq!(unknown("predictor", &["--seed", "1"]), ["--seed"]);
    assert!(variables("catchweight", &["connectors"]).contains("CONNECT_URL"));
    assert!(!variables("catchweight", &["verify"]).contains("CONNECT_URL"));
    assert!(variables("predictor", &[]).contains("MODEL_URL"));
}
