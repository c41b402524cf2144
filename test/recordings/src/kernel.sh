# Forks, short programs, and the kernel's zero pages.
# $1 is seconds with one decimal, and this is sh: take the point away, count in tenths.
tenths=$(echo "$1.0" | sed 's/\([0-9]*\)\.\([0-9]\).*/\1\2/')
end=$(($(date +%s%N) + tenths * 100000000))
while [ "$(date +%s%N)" -lt $end ]; do
  dd if=/dev/zero of=/dev/null bs=1M count=100 2>/dev/null
  ls /usr/bin >/dev/null
  (: subshell; read -r line </etc/passwd)
done
