# SPDX-License-Identifier: MIT
# stress-ng's malloc stressor: two processes of four threads that check what they wrote.
. "$SCRIPTS/common.sh"
need stress-ng
for more in "" "--malloc-touch" "--malloc-thresh 16k"; do
	stress-ng --malloc 2 --malloc-pthreads 4 --malloc-max "$(pick 2000 65536)" --malloc-bytes "$(pick 1m 4m)" \
		--malloc-ops "$(pick 8000 60000)" --verify --timeout 300 --quiet $more &&
		echo "ended well" || echo "ended with $?"
done
