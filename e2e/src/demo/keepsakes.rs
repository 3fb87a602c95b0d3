//! `--keep`: everything goes on, and here is how to look at it.

use anyhow::Result;

use super::play::Play;

/// Leaves clusters and operator running and tells the commands.
pub fn leave(play: Play<'_>) -> Result<()> {
    let narrator = play.narrator;
    let stage = play.keep();
    let dir = stage.fleet().dir().display().to_string();
    let kubectl = stage.fleet().kubectl().display().to_string();
    let log = stage.operator().log().display().to_string();
    let metrics = stage.operator().address().map(|address| format!("curl -s http://{address}/metrics"));
    let confined = stage.detach()?.confined;
    let inside = |command: String| {
        if confined { format!("cargo fleet exec --dir {dir} -- {command}") } else { command }
    };
    narrator.chapter("Everything goes on; look around");
    let mut commands = vec![
        format!("{kubectl} get clusters,resourcebindings,propagationpolicies -A"),
        format!("{kubectl} --kubeconfig {dir}/m1.kubeconfig get pods -A"),
        format!("tail -f {log}"),
        format!("cargo fleet fault cut --dir {dir} --member m3"),
        format!("cargo fleet fault heal --dir {dir}"),
    ];
    commands.extend(metrics.map(inside));
    commands.push(format!("cargo fleet down --dir {dir}"));
    for command in commands {
        narrator.say(&command);
    }
    Ok(())
}
