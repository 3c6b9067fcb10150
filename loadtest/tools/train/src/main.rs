//! The load that a release build is optimised for.
//!
//! Starts a binary that was built with `-Cprofile-generate`, sends it what a sidecar receives, and
//! stops it, upon which it writes its profile where `LLVM_PROFILE_FILE` says. Everything runs on
//! loopback and is bounded in count and time. `deploy/build-release` runs it:
//!
//! ```sh
//! cargo run --manifest-path loadtest/tools/train/Cargo.toml -- BINARY [REQUESTS]
//! ```

mod body;
mod client;
mod kind;
mod load;
mod material;
mod proxy;
mod service;

use std::{env, error::Error, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use tempfile::TempDir;
use tokio::time::timeout;

use self::{load::Load, material::Material, proxy::Proxy};

/// What can fail here ends the run, with its message.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Of all kinds together, roughly. More change nothing in the relations that a profile holds.
const REQUESTS: usize = 60_000;
/// A binary that counts is several times slower; beyond this, something stands still.
const DEADLINE: Duration = Duration::from_mins(10);

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(async { timeout(DEADLINE, train()).await? }));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("train: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn train() -> Outcome<()> {
    let mut arguments = env::args_os().skip(1);
    let binary = PathBuf::from(arguments.next().ok_or("usage: train BINARY [REQUESTS]")?);
    let requests = match arguments.next().map(|text| text.to_string_lossy().parse()) {
        Some(count) => count?,
        None => REQUESTS,
    };
    let folder = TempDir::new()?;
    let material = Arc::new(Material::make(&binary, folder.path())?);
    let service = service::start().await?;

    // Once as it ships, and once so that every token is verified.
    for (cache_entries, load) in
        [(10_000, Load::usual(requests)), (0, Load::without_cache(requests))]
    {
        let proxy = Proxy::start(&binary, folder.path(), &material, service, cache_entries).await?;
        load.send(proxy.address, &material).await?;
        proxy.stop().await?;
    }
    Ok(())
}
