#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# test/lab/vm.sh COMMAND [ARGUMENT...]   runs a command as root in a throw-away virtual machine
# that has Debian's kernel, whose network emulation this machine's own may lack. Its root file
# system is this machine's, read-only; /mnt and /run are empty and can be written. Its exit status
# is the command's; 77 when something that it needs is not here, and the last line says what.
#
# UET_LAB_KERNEL: a folder with boot/vmlinuz-V and lib/modules/V, such as tools/lab.sh makes
# (~/.cache/uet-lab/kernel); without it the system's own are tried. UET_LAB_VM_LIMIT: seconds (1800).
# UET_LAB_KVM=1: by hardware, where it can; else by emulation, about ten times slower.
set -euo pipefail

lacking() { echo "SKIP: $*"; exit 77; }

for tool in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static cpio:cpio modprobe:kmod; do
	command -v "${tool%:*}" >/dev/null ||
		lacking "no ${tool%:*} here (Debian: apt-get install ${tool#*:})"
done
root=${UET_LAB_KERNEL:-$HOME/.cache/uet-lab/kernel}
[[ -d $root/boot ]] || root=
kernel=$(find "$root/boot" -maxdepth 1 -name 'vmlinuz-*' | sort -V | tail -n 1)
version=${kernel##*/vmlinuz-}
[[ -n $kernel && -d $root/lib/modules/$version ]] ||
	lacking "no kernel for the virtual machine (tools/lab.sh kernel gets Debian's)"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# The command, with what it needs of this environment.
{
	export -p | grep -E ' (UET|FI|OMPI)_' || true
	printf 'cd %q\n%s\n' "$PWD" "$(printf '%q ' "$@")"
} >"$dir/command"

# Modules in the order of their dependencies; what is built in has none.
modules() {
	local m
	for m in virtio_pci 9pnet_virtio 9p veth bridge sch_netem sch_tbf sch_red sch_codel \
		sch_fq_codel nf_tables nft_numgen nft_counter nft_objref; do
		modprobe -d "${root:-/}" -S "$version" --show-depends "$m" 2>/dev/null || true
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

initramfs() {
	local i=100 f
	mkdir -p "$dir"/ir/{bin,mod,proc,sys,dev,root}
	cp "$(command -v busybox)" "$dir/ir/bin/busybox"
	while read -r f; do
		cp "$f" "$dir/ir/mod/$i-$(basename "$f")"
		i=$((i + 1))
	done < <(modules)
	cp "$dir/command" "$dir/ir/command"
	cat >"$dir/ir/init" <<-'EOF'
		#!/bin/busybox sh
		b=/bin/busybox
		$b mount -t proc p /proc; $b mount -t sysfs s /sys; $b mount -t devtmpfs d /dev
		for m in /mod/*; do
			case $m in *.xz) $b unxz $m; m=${m%.xz} ;; esac
			$b insmod $m 2>/dev/null  # of some, this processor needs none
		done
		$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=loose,ro host /root
		for f in proc:proc sysfs:sys devtmpfs:dev tmpfs:run tmpfs:mnt; do
			$b mount -t ${f%%:*} x /root/${f##*:}
		done
		$b mkdir /root/dev/shm; $b mount -t tmpfs x /root/dev/shm
		$b cp /command /root/mnt/command
		TMPDIR=/mnt HOME=/mnt PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			$b chroot /root /bin/bash /mnt/command
		echo "guest-exit=$?"
		$b poweroff -f
	EOF
	chmod +x "$dir/ir/init"
	(cd "$dir/ir" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$dir/initrd"
}

initramfs
rc=0
accel=(-accel tcg,thread=multi)
# Not unasked: a /dev/kvm that is there may still not work, inside another virtual machine.
if [[ -n ${UET_LAB_KVM:-} ]]; then accel=(-accel kvm -accel tcg,thread=multi -cpu max); fi
# The console goes to a file, which is shown as it grows.
: >"$dir/log"
timeout -k 5 "${UET_LAB_VM_LIMIT:-1800}" qemu-system-x86_64 "${accel[@]}" -smp 2 -m 2G \
	-nic none -display none -monitor none -serial "file:$dir/log" -no-reboot \
	-kernel "$kernel" -initrd "$dir/initrd" -append 'console=ttyS0 quiet panic=-1' \
	-fsdev local,id=r,path=/,security_model=none,readonly=on,multidevs=remap \
	-device virtio-9p-pci,fsdev=r,mount_tag=host </dev/null 2>"$dir/qemu" &
qemu=$!
trap 'kill $qemu 2>/dev/null || true; rm -rf "$dir"' EXIT
trap 'exit 143' TERM INT HUP
tail -f --pid=$qemu -s 0.5 "$dir/log" 2>/dev/null | sed -u 's/\r//g; /^guest-exit=/d; /reboot: Power down/d'
wait $qemu || rc=$?
status=$(tr -d '\r' <"$dir/log" | sed -n 's/^guest-exit=//p' | tail -n 1)
if [[ -z $status ]]; then
	cat "$dir/qemu"
	echo "the virtual machine ended without a word (status $rc)"
	exit 1
fi
exit "$status"
