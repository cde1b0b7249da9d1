# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by quickstart and check: installing Debian packages, only those that are missing.

# Print those of the packages named that are not installed.
packages_missing()
{
	local package

	for package; do
		[[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == \
			installed ]] || echo "$package"
	done
}

# Print the first of the packages named that this distribution has; nothing when it has none.
packages_first()
{
	local package

	for package; do
		if apt-cache show --no-all-versions "$package" >/dev/null 2>&1; then
			echo "$package"
			return
		fi
	done
}

# Run a command as root.
packages_as_root()
{
	if ((EUID == 0)); then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "$0: installing packages needs root or sudo" >&2
		return 1
	fi
}

packages_update()
{
	packages_as_root apt-get -qq update
}

# Install the packages named.
packages_install()
{
	(($# == 0)) && return
	packages_as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -qq install --yes --no-install-recommends "$@"
}
