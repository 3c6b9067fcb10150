//! `countersign explain`: the verdict on a token, check by check, as the proxy makes them.

mod by_id;
mod explainer;
mod header;
mod hint;
mod live;
mod report;
mod signature;
mod token;

use std::{
    io::{Read, Write},
    sync::Arc,
};

use clap::Args;
use http::Method;

use self::{
    explainer::{Explainer, Sent},
    report::CheckReport,
};
pub use self::{header::HeaderArg, signature::SignedArgs, token::TokenArg};
use super::{CommandError, args::ConfigArgs, runtime};
use crate::{
    clock::{Clock, SystemClock},
    reason::{Cause, Class},
    settings,
};

/// The arguments of `countersign explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The token; `-` reads it from standard input, so that no history and no process list has it
    #[arg(value_name = "TOKEN|-", required_unless_present_any = ["id", "live"])]
    pub token: Option<TokenArg>,
    /// Instead of a token, why a running proxy did not let this request pass, by its x-request-id
    #[arg(long, value_name = "REQUEST_ID", conflicts_with_all = ["token", "path", "live"])]
    pub id: Option<String>,
    /// Have a running proxy check it, with the keys and the configuration that it has now
    #[arg(long, requires = "path")]
    pub live: bool,
    /// The private listener of that proxy, if not `control.listen` of the configuration
    #[arg(long, value_name = "ADDR")]
    pub control: Option<String>,
    /// Also check whether the route of this path would admit it, e.g. /loans/17
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// The method, for --path
    #[arg(long, value_name = "METHOD", default_value = "GET", requires = "path")]
    pub method: Method,
    /// The host, for --path where routes name hosts
    #[arg(long, value_name = "HOST", default_value = "localhost", requires = "path")]
    pub host: String,
    /// The name of the listener, for --path where they differ [default: the first]
    #[arg(long, value_name = "NAME", requires = "path")]
    pub listener: Option<String>,
    /// A header of the request, for --path where a token is bound to one, e.g. 'origin: null'
    #[arg(long = "header", value_name = "NAME: VALUE", requires = "path")]
    pub headers: Vec<HeaderArg>,
    /// The signed body.
    #[command(flatten)]
    pub signed: SignedArgs,
    /// Also print header and claims, which may be personal data
    #[arg(long)]
    pub show_claims: bool,
}

/// Explains by the machine's clock.
///
/// # Errors
/// As [`explain_at`].
pub fn explain(
    args: &ExplainArgs,
    input: &mut impl Read,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    match &args.id {
        Some(id) => by_id::explain(id, args, out),
        None if args.live => live::explain(args, input, out),
        None => explain_at(args, Arc::new(SystemClock), input, out),
    }
}

/// Writes a line per check, the failing one with its reason. Neither the token nor its signature
/// is ever written. Keys are fetched from their source, never from a snapshot, and none is kept.
///
/// # Errors
/// [`CommandError::Configuration`] and [`CommandError::Usage`] before anything is checked;
/// [`CommandError::Runtime`] if the token would not be admitted.
pub fn explain_at(
    args: &ExplainArgs,
    clock: Arc<dyn Clock>,
    input: &mut impl Read,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let settings = settings::load(&args.config.sources())?;
    let token = args.token.as_ref();
    let token = token.ok_or_else(|| CommandError::Usage("there is no token".to_owned()))?;
    let token = token.read(settings.credential.max_bytes, input)?;
    let (explainer, mut tasks) = Explainer::new(settings, clock)?;
    let runtime = runtime()?;

    let mut report = CheckReport::default();
    let verdict = match &args.path {
        None => runtime.block_on(explainer.token(&token, &mut tasks, &mut report)),
        Some(path) => {
            let listener = explainer.listener(args.listener.as_deref())?;
            let sent = Sent::new(&args.method, path, &args.host, &args.headers)?;
            let signed = args.signed.read(input)?;
            let signed = signed.as_ref();
            let (tasks, report) = (&mut tasks, &mut report);
            let verdict = explainer.request(listener, &sent, &token, signed, tasks, report);
            runtime.block_on(verdict)
        }
    };
    let claims = if args.show_claims { token::shown(&token) } else { String::new() };
    let written = write!(out, "{report}{claims}");
    // The verdict first: a closed output must not turn a refusal into a success.
    verdict.map_err(|cause| refused(&cause))?;
    written?;
    writeln!(out, "admitted")?;
    Ok(())
}

fn refused(cause: &Cause) -> CommandError {
    let reason = cause.reason();
    CommandError::Runtime(match reason.class() {
        Class::CannotDecide => format!("can't be decided at the moment: {reason}"),
        _ => format!("refused: {reason}"),
    })
}
