#!/bin/sh
# Two folders that stand in for the images that deploy/Containerfile is made from, which come from registries:
#   $1/node  a shell, Node and npm, in place of node:24-bookworm-slim
#   $1/base  glibc and its like and nothing else, in place of distroless/cc
# of this machine's own files. $2 is Node, $3 the folder of npm.
set -eu
base=$1/base node=$1/node
mkdir -p "$base/usr/lib/x86_64-linux-gnu" "$base/usr/lib64" "$base/tmp" "$base/etc" "$base/proc" "$base/sys" "$base/dev"
chmod 1777 "$base/tmp"
echo 'nonroot:x:65532:65532::/:/none' >"$base/etc/passwd"
for package in libc6 libgcc-s1 libstdc++6; do dpkg -L "$package"; done | grep -E '\.so[.0-9]*$' | grep -v gconv |
  while read -r library; do
    # All of them in one folder, under each of their names.
    cp -L "$library" "$base/usr/lib/x86_64-linux-gnu/"
  done
cp -L /lib64/ld-linux-x86-64.so.2 "$base/usr/lib64/"
ln -s usr/lib "$base/lib"
ln -s usr/lib64 "$base/lib64"
cp -a "$base" "$node"
mkdir -p "$node/bin" "$node/usr/local/bin" "$node/usr/local/lib" "$node/etc/ssl/certs" "$node/root" "$node/usr/bin"
cp /bin/busybox "$node/bin/busybox"
for name in $(/bin/busybox --list | grep -vx busybox); do ln -s busybox "$node/bin/$name"; done
ln -s /bin/env "$node/usr/bin/env"
cp -L "$2" "$node/usr/local/bin/node"
cp -a "$3" "$node/usr/local/lib/npm"
ln -s ../lib/npm/bin/npm-cli.js "$node/usr/local/bin/npm"
cp -L /etc/ssl/certs/ca-certificates.crt "$node/etc/ssl/certs/"
