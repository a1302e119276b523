#!/bin/sh
# The same bits from a build for baseline x86-64 and from one for this very processor: builds both and compares the state
# hashes of every built-in scenario with two seeds. `PROFILE=dev` builds faster and flies slower.
set -eu

profile=${PROFILE:-release}
folder=$([ "$profile" = dev ] && echo debug || echo "$profile")
cargo build --locked --profile "$profile" --target-dir target
RUSTFLAGS='-C target-cpu=native' cargo build --locked --profile "$profile" --target-dir target/native

hash() { $1 run "$2" --seed "$3" --ticks "${4:-250}" | sed -n '$s/.*"state_hash":"\([0-9a-f]*\)".*/\1/p'; }
different=0
for scenario in $(target/$folder/hmrs scenario list | cut -d' ' -f1); do
  for seed in 1 1099511627777; do
    baseline=$(hash target/$folder/hmrs "$scenario" $seed)
    native=$(hash target/native/$folder/hmrs "$scenario" $seed)
    if [ -n "$baseline" ] && [ "$baseline" = "$native" ]; then verdict=same; else verdict=DIFFERENT different=1; fi
    printf '%-12s seed %-14s baseline %s  native %s  %s\n' "$scenario" $seed "$baseline" "$native" $verdict
  done
done

# The program picks its vector registers when it runs. Where QEMU is installed, processors with fewer of them are tried: one
# with AVX2 and one with no more than SSE 4.2.
if command -v qemu-x86_64 >/dev/null; then
  for scenario in flock boids_abm vasarhelyi; do
    here=$(hash target/$folder/hmrs $scenario 1 20)
    for processor in Haswell Westmere; do
      there=$(hash "qemu-x86_64 -cpu $processor target/$folder/hmrs" $scenario 1 20 2>/dev/null)
      if [ -n "$here" ] && [ "$here" = "$there" ]; then verdict=same; else verdict=DIFFERENT different=1; fi
      printf '%-12s %-18s here     %s  there  %s  %s\n' $scenario $processor "$here" "$there" $verdict
    done
  done
fi
exit $different
