# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The logic of the completion. It works on the words of the line as they stand between blanks,
# because bash cuts its own also at ":" and "=", which key:value lists are full of; what bash has
# cut off is taken away from the answers at the end.

# Fill COMPREPLY with those of the words $3 that begin with $2, each behind the prefix $1.
_allot_offer()
{
	local word

	for word in $3; do
		[[ $word == "$2"* ]] && COMPREPLY+=("$1$word")
	done
}

# Offer values of the kind $1 for the text $3, each behind the prefix $2.
_allot_offer_values()
{
	local kind=$1 prefix=$2 text=$3 last file

	case $kind in
	pairs)
		last=${text##*,}
		prefix+=${text%"$last"}
		if [[ $last == *:* ]]; then
			_allot_offer "$prefix${last%%:*}:" "${last#*:}" \
				"$(_allot_values "${last%%:*}")"
		else
			_allot_offer "$prefix" "$last" "$(_allot_keys | sed 's/[^ ]\+/&:/g')"
		fi ;;
	file)
		compopt -o filenames
		while IFS= read -r file; do
			COMPREPLY+=("$prefix$file")
		done < <(compgen -f -- "$text") ;;
	named-*)
		[[ $text != *=* ]] ||
			_allot_offer_values "${kind#named-}" "$prefix${text%%=*}=" "${text#*=}" ;;
	*)
		_allot_offer "$prefix" "$text" "$(_allot_values "$kind")" ;;
	esac
}

# Complete the command line that begins with the word $1 of ours, $2 being the word at the cursor.
_allot_offer_wrapped()
{
	local wanted=$1 current=$2 rest=$COMP_LINE i count=0

	if ((wanted == ${#words[@]} - 1)); then
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -c -- "$current" | sort -u)
		[[ $current == */* ]] && mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
	fi
	# Find the word of bash's own count at which ours begins: one that a blank precedes.
	for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
		if ((i == 0)) || [[ $rest == [[:space:]]* ]]; then
			((count++ == wanted)) && break
			rest=${rest#"${rest%%[![:space:]]*}"}
		fi
		rest=${rest#"${COMP_WORDS[i]}"}
	done
	if declare -F _comp_command_offset >/dev/null; then
		_comp_command_offset "$i"
	elif declare -F _command_offset >/dev/null; then
		_command_offset "$i"
	else
		compopt -o default
	fi
}

_allot()
{
	local line=${COMP_LINE:0:COMP_POINT}
	local command='' current kind='' breaks cut i last first=2
	local -a words

	COMPREPLY=()
	read -ra words <<<"$line"
	[[ $line == *[[:space:]] ]] && words+=('')
	last=$((${#words[@]} - 1))
	current=${words[last]}

	if ((last == 1)); then
		_allot_offer '' "$current" "$(_allot_commands) $(_allot_options '')"
		return
	fi
	command=${words[1]}
	if [[ $command == help && -n $(_allot_subcommands "${words[2]}") ]] && ((last == 3)); then
		_allot_offer '' "$current" "$(_allot_subcommands "${words[2]}")"
		return
	fi
	if [[ $command == help || $command == --help ]]; then
		_allot_offer '' "$current" "$(_allot_commands)"
		return
	fi

	if [[ -n $(_allot_subcommands "$command") ]]; then
		if ((last == 2)); then
			_allot_offer '' "$current" \
				"$(_allot_subcommands "$command") $(_allot_options "$command")"
			return
		fi
		command+=" ${words[2]}"
		first=3
	fi

	# Walk over what stands before the cursor: options and their values, until an operand.
	for ((i = first; i < last; i++)); do
		[[ ${words[i]} == -- ]] && { ((i++)); break; }
		kind=''
		if [[ ${words[i]} != -* ]]; then
			_allot_is_chooser "$command" && continue
			break
		fi
		[[ ${words[i]} != *=* && $(_allot_options "$command") != *"${words[i]}="* ]] &&
			kind=$(_allot_value_kind "$command" "${words[i]}")
		[[ -n $kind ]] && ((i++))
	done

	if ((i > last)); then
		_allot_offer_values "$kind" '' "$current"
	elif ((i == last)) && [[ ${words[i - 1]} != -- && $current == --*=* ]]; then
		kind=$(_allot_value_kind "$command" "${current%%=*}")
		_allot_offer_values "${kind:-none}" "${current%%=*}=" "${current#*=}"
	elif ((i == last)) && [[ ${words[i - 1]} != -- && $current == -* ]]; then
		_allot_offer '' "$current" "$(_allot_options "$command")"
	elif [[ ${words[i - 1]} != -- ]] && _allot_is_chooser "$command"; then
		_allot_offer '' "$current" "$(_allot_operands "$command")"
	elif _allot_is_wrapper "$command" || _allot_is_chooser "$command"; then
		_allot_offer_wrapped "$i" "$current"
		return
	fi

	[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[:=] ]] && compopt -o nospace
	breaks=${COMP_WORDBREAKS//[^:=]/}
	if [[ -n $breaks ]]; then
		cut=${current%"${current##*["$breaks"]}"}
		COMPREPLY=("${COMPREPLY[@]#"$cut"}")
	fi
}

complete -F _allot allot
