#!/usr/bin/env bash
# Metrics of this machine from /proc, as line protocol over TCP to tsinkd.
#
#   examples/host_metrics.sh [HOST:PORT [INTERVAL_SECONDS [ROUNDS]]]     (127.0.0.1:8094, 10, for ever)
#
# Needs bash and nothing else. With "-" for HOST:PORT the lines go to standard output.
set -u
target=${1:-127.0.0.1:8094}
interval=${2:-10}
rounds=${3:-0}
host=${HOSTNAME:-$(cat /proc/sys/kernel/hostname)}

# A tag value: commas, equal signs and spaces escaped.
tag() {
  local value=${1//\\/_}
  value=${value//,/\\,}
  value=${value//=/\\=}
  printf '%s' "${value// /\\ }"
}

cpu_lines() { # user nice system idle iowait irq softirq steal, in ticks since the start
  local name user nice system idle iowait irq softirq steal rest
  while read -r name user nice system idle iowait irq softirq steal rest; do
    case $name in cpu[0-9]*) ;; *) continue ;; esac
    printf 'cpu,host=%s,cpu=%s user=%si,nice=%si,system=%si,idle=%si,iowait=%si,irq=%si,softirq=%si,steal=%si %s\n' \
      "$tagged_host" "$name" "$user" "$nice" "$system" "$idle" "$iowait" "$irq" "$softirq" "$steal" "$now"
  done </proc/stat
}

memory_line() {
  local name value unit fields=
  while read -r name value unit; do
    case $name in
      MemTotal: | MemFree: | MemAvailable: | Buffers: | Cached: | Dirty: | SwapTotal: | SwapFree:)
        fields+="${fields:+,}${name%:}=$((value * 1024))i" ;;
    esac
  done </proc/meminfo
  printf 'mem,host=%s %s %s\n' "$tagged_host" "$fields" "$now"
}

load_line() {
  local one five fifteen tasks rest
  read -r one five fifteen tasks rest </proc/loadavg
  printf 'load,host=%s load1=%s,load5=%s,load15=%s,tasks=%si %s\n' \
    "$tagged_host" "$one" "$five" "$fifteen" "${tasks#*/}" "$now"
}

net_lines() {
  local name line
  while read -r line; do
    case $line in *:*) ;; *) continue ;; esac
    name=${line%%:*}
    # shellcheck disable=SC2086
    set -- ${line#*:}
    printf 'net,host=%s,interface=%s received_bytes=%si,received_packets=%si,sent_bytes=%si,sent_packets=%si %s\n' \
      "$tagged_host" "$(tag "$name")" "$1" "$2" "$9" "${10}" "$now"
  done </proc/net/dev
}

disk_lines() { # sectors of 512 bytes
  local major minor name reads merged sectors ms writes wmerged wsectors rest
  while read -r major minor name reads merged sectors ms writes wmerged wsectors rest; do
    case $name in loop* | ram*) continue ;; esac
    printf 'disk,host=%s,device=%s reads=%si,read_bytes=%si,writes=%si,written_bytes=%si %s\n' \
      "$tagged_host" "$(tag "$name")" "$reads" "$((sectors * 512))" "$writes" "$((wsectors * 512))" "$now"
  done </proc/diskstats
}

sample() {
  now=$(date +%s%N)
  cpu_lines
  memory_line
  load_line
  net_lines
  if [ -r /proc/diskstats ]; then disk_lines; fi
}

tagged_host=$(tag "$host")
if [ "$target" != - ]; then
  exec >"/dev/tcp/${target%:*}/${target##*:}" || exit 1
fi
round=0
while :; do
  sample || exit 1
  round=$((round + 1))
  [ "$rounds" -gt 0 ] && [ "$round" -ge "$rounds" ] && break
  sleep "$interval"
done
