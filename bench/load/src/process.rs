//! What the kernel says about a process.

use std::{fs, io};

/// What all threads of a process have had of the processors so far, nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// On a core.
    pub ran_ns: u64,
    /// Ready to run, while others ran.
    pub waited_ns: u64,
}

/// What a process has used.
///
/// # Errors
/// When there is no such process.
pub fn usage(pid: u32) -> io::Result<Usage> {
    let mut sum = Usage::default();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end while we look.
        let Ok(stat) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        let mut fields = stat.split(' ').map(|field| field.parse::<u64>().unwrap_or(0));
        sum.ran_ns += fields.next().unwrap_or(0);
        sum.waited_ns += fields.next().unwrap_or(0);
    }
    Ok(sum)
}

/// Resident memory of a process, bytes.
///
/// # Errors
/// When there is no such process.
pub fn resident_bytes(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other(format!("/proc/{pid}/status names no VmRSS")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_both() {
        let pid = std::process::id();
        assert!(usage(pid).unwrap().ran_ns > 0);
        assert!(resident_bytes(pid).unwrap() > 100_000);
    }
}
