using System.Collections.Frozen;
using System.Text;
using System.Text.RegularExpressions;

namespace Amqp.Core.Security;

/// <summary>
/// PCRE, in which RabbitMQ's operators write their patterns, in .NET's spelling. The two agree on nearly everything. Translated is
/// what .NET would silently read as something else, which could let in a user who was shut out:
/// <list type="bullet">
/// <item><c>\d</c>, <c>\w</c>, <c>\s</c> and their opposites mean ASCII only;</item>
/// <item><c>[[:alpha:]]</c> is a class by name, and a <c>[</c> inside of a class a character;</item>
/// <item><c>\Q...\E</c> quotes.</item>
/// </list>
/// What .NET does not have (possessive quantifiers, recursion) it refuses by itself.
/// </summary>
internal static class PcreSyntax
{
    private const string Space = @"\t\n\v\f\r ";

    // The opposites as ranges, so that they can stand inside of a class as well.
    private static readonly FrozenDictionary<char, string> Escapes = new Dictionary<char, string>
    {
        ['d'] = "0-9",
        ['D'] = @"\u0000-/:-\uFFFF",
        ['w'] = "0-9A-Z_a-z",
        ['W'] = @"\u0000-/:-@\[-\^`{-\uFFFF",
        ['s'] = Space,
        ['S'] = @"\u0000-\u0008\u000E-\u001F!-\uFFFF",
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, string> Classes = new Dictionary<string, string>
    {
        ["alnum"] = "0-9A-Za-z",
        ["alpha"] = "A-Za-z",
        ["ascii"] = @"\u0000-\u007F",
        ["blank"] = @"\t ",
        ["cntrl"] = @"\u0000-\u001F\u007F",
        ["digit"] = "0-9",
        ["graph"] = "!-~",
        ["lower"] = "a-z",
        ["print"] = " -~",
        ["punct"] = @"!-/:-@\[-`{-~",
        ["space"] = Space,
        ["upper"] = "A-Z",
        ["word"] = "0-9A-Z_a-z",
        ["xdigit"] = "0-9A-Fa-f",
    }.ToFrozenDictionary();

    /// <exception cref="FormatException">There is no such class of characters.</exception>
    public static string ToDotNet(string pattern, params (string Name, string Value)[] variables)
    {
        var result = new StringBuilder(pattern.Length);
        var rest = pattern.AsSpan();
        while (!rest.IsEmpty)
        {
            if (TryTakeVariable(ref rest, variables, result) || TryTakeEscape(ref rest, isInClass: false, result)) continue;
            if (rest[0] == '[') TakeClass(ref rest, result);
            else Take(ref rest, 1, result);
        }
        return result.ToString();
    }

    private static bool TryTakeVariable(ref ReadOnlySpan<char> rest, (string Name, string Value)[] variables, StringBuilder result)
    {
        if (rest[0] != '{') return false;
        foreach (var (name, value) in variables)
        {
            if (!rest[1..].StartsWith(name, StringComparison.Ordinal) || !rest[(1 + name.Length)..].StartsWith("}")) continue;
            result.Append("(?:").Append(Quoted(value)).Append(')');
            rest = rest[(name.Length + 2)..];
            return true;
        }
        return false;
    }

    private static bool TryTakeEscape(ref ReadOnlySpan<char> rest, bool isInClass, StringBuilder result)
    {
        if (rest[0] != '\\' || rest.Length == 1) return false;
        if (rest[1] == 'Q')
        {
            rest = rest[2..];
            var end = rest.IndexOf(@"\E");
            result.Append(Quoted(rest[..(end < 0 ? rest.Length : end)].ToString()));
            rest = end < 0 ? [] : rest[(end + 2)..];
        }
        else if (Escapes.TryGetValue(rest[1], out var set))
        {
            rest = rest[2..];
            if (isInClass) AppendSet(set, ref rest, result);
            else result.Append('[').Append(set).Append(']');
        }
        else
        {
            Take(ref rest, 2, result);
        }
        return true;
    }

    private static void TakeClass(ref ReadOnlySpan<char> rest, StringBuilder result)
    {
        Take(ref rest, rest.StartsWith("[^") ? 2 : 1, result);
        // A ] that comes first is a character.
        for (var isFirst = true; !rest.IsEmpty && (isFirst || rest[0] != ']'); isFirst = false)
        {
            if (TryTakeEscape(ref rest, isInClass: true, result)) continue;
            if (rest.StartsWith("[:") && rest.IndexOf(":]") is > 0 and var end)
            {
                var name = rest[2..end].ToString();
                if (!Classes.TryGetValue(name, out var set)) throw new FormatException($"unknown class of characters [:{name}:]");
                rest = rest[(end + 2)..];
                AppendSet(set, ref rest, result);
            }
            else
            {
                if (rest[0] is '[' or ']') result.Append('\\');
                Take(ref rest, 1, result);
            }
        }
        if (!rest.IsEmpty) Take(ref rest, 1, result);
    }

    /// <summary>A hyphen behind a set is a character: a set begins no range.</summary>
    private static void AppendSet(string set, ref ReadOnlySpan<char> rest, StringBuilder result)
    {
        result.Append(set);
        if (!rest.StartsWith("-")) return;
        result.Append(@"\-");
        rest = rest[1..];
    }

    private static string Quoted(string text) => Regex.Escape(text).Replace("]", @"\]", StringComparison.Ordinal).Replace("-", @"\-", StringComparison.Ordinal);

    private static void Take(ref ReadOnlySpan<char> rest, int count, StringBuilder result)
    {
        result.Append(rest[..count]);
        rest = rest[count..];
    }
}
