using System.Text.RegularExpressions;

namespace Amqp.Tidy.Tests;

/// <summary>A member of a type: its name and its lines from the first modifier to the closing brace or semicolon.</summary>
internal sealed record Member(string Name, int FirstLine, int LastLine)
{
    public int Lines => LastLine - FirstLine + 1;
}

/// <summary>
/// Reads C# as far as the rules need it: which characters are code, and where members begin and end. A compiler would know
/// more, but would be the largest dependency of the whole test suite.
/// </summary>
internal static partial class CSharpText
{
    private static readonly HashSet<string> NotNames =
        ["public", "private", "protected", "internal", "static", "readonly", "override", "virtual", "sealed", "abstract", "async", "partial",
         "extern", "unsafe", "required", "ref", "new", "base", "this", "where", "typeof", "nameof", "default"];

    /// <summary>The text with every comment, directive, string and character literal replaced by spaces; lines stay where they are.</summary>
    public static string Blank(string source) => new Blanking(source).Run();

    /// <summary>The methods, constructors and properties of all types in blanked code. Fields are left out: a table may be long.</summary>
    public static IEnumerable<Member> Members(string code)
    {
        var blocks = new Stack<bool>(); // open braces; true where members stand directly inside
        var (start, parentheses) = (0, 0);
        for (var i = 0; i < code.Length; i++)
        {
            var atMemberLevel = blocks.Count == 0 || blocks.Peek();
            switch (code[i])
            {
                case '(' or '[':
                    parentheses++;
                    break;
                case ')' or ']':
                    parentheses--;
                    break;
                case '{':
                    var opensType = atMemberLevel && parentheses == 0 && TypeHeader().IsMatch(code[start..i]);
                    blocks.Push(opensType);
                    if (opensType) start = i + 1;
                    break;
                case '}' when blocks.Count > 0:
                    var closesType = blocks.Pop();
                    var closesMember = !closesType && parentheses == 0 && (blocks.Count == 0 || blocks.Peek());
                    if (closesMember && MemberIn(code, start, i) is { } member) yield return member;
                    if (closesType || closesMember) start = i + 1;
                    break;
                case ';' when atMemberLevel && parentheses == 0:
                    if (MemberIn(code, start, i) is { } expression) yield return expression;
                    start = i + 1;
                    break;
            }
        }
    }

    private static Member? MemberIn(string code, int start, int end)
    {
        while (start < end && (char.IsWhiteSpace(code[start]) || code[start] == '[')) start = code[start] == '[' ? BehindAttribute(code, start) : start + 1;
        if (start >= end) return null;
        var text = code[start..end];
        if (FieldHeader().IsMatch(text)) return null;
        var name = NameBeforeParenthesis().Matches(text).Select(match => match.Groups[1].Value).FirstOrDefault(name => !NotNames.Contains(name))
            ?? PropertyName().Match(text).Groups[1].Value;
        return new Member(name, LineAt(code, start), LineAt(code, end));
    }

    private static int BehindAttribute(string code, int start)
    {
        var depth = 0;
        do
        {
            if (code[start] == '[') depth++;
            if (code[start] == ']') depth--;
            start++;
        }
        while (depth > 0 && start < code.Length);
        return start;
    }

    private static int LineAt(string code, int position) => code.AsSpan(0, position).Count('\n') + 1;

    [GeneratedRegex(@"\b(class|struct|interface|enum|namespace)\s+(?!where\b)\w|\brecord\s+\w|\bextension\s*[(<]")]
    private static partial Regex TypeHeader();

    [GeneratedRegex(@"^[^(){}=]*=(?![>=])")]
    private static partial Regex FieldHeader();

    [GeneratedRegex(@"(\w+)\s*(?:<[^<>()]*>)?\s*\(")]
    private static partial Regex NameBeforeParenthesis();

    [GeneratedRegex(@"(\w+)\s*(?:\{|=>|$)")]
    private static partial Regex PropertyName();

    /// <summary>One pass over a source; recursive because the holes of an interpolated string hold code again.</summary>
    private sealed class Blanking(string source)
    {
        private readonly char[] _result = source.ToCharArray();
        private int _at;

        public string Run()
        {
            Code(bracesOfHole: 0);
            return new string(_result);
        }

        private bool Sees(string text) => string.CompareOrdinal(source, _at, text, 0, text.Length) == 0;

        private int RunOf(char c, int from)
        {
            var end = from;
            while (end < source.Length && source[end] == c) end++;
            return end - from;
        }

        private void Erase(int count = 1)
        {
            for (var end = Math.Min(_at + count, source.Length); _at < end; _at++)
                if (_result[_at] != '\n') _result[_at] = ' ';
        }

        private void EraseLine()
        {
            while (_at < source.Length && source[_at] != '\n') Erase();
        }

        private bool IsFirstOnLine()
        {
            for (var i = _at - 1; i >= 0 && source[i] != '\n'; i--)
                if (!char.IsWhiteSpace(source[i])) return false;
            return true;
        }

        /// <summary>Code up to the end, or up to the braces that close the hole it stands in.</summary>
        private void Code(int bracesOfHole)
        {
            var depth = 0;
            while (_at < source.Length)
            {
                if (Sees("//") || (source[_at] == '#' && IsFirstOnLine())) EraseLine();
                else if (Sees("/*")) EraseComment();
                else if (source[_at] == '\'') EraseCharacter();
                else if (StringStartsHere(out var dollars, out var verbatim)) EraseString(dollars, verbatim);
                else if (bracesOfHole > 0 && depth == 0 && source[_at] == '}') return;
                else if (bracesOfHole > 0 && depth == 0 && source[_at] == ':' && !Sees("::")) // a format follows, which is no code
                    while (_at < source.Length && source[_at] != '}') Erase();
                else
                {
                    if (source[_at] is '(' or '[' or '{') depth++;
                    if (source[_at] is ')' or ']' or '}') depth--;
                    _at++;
                }
            }
        }

        private void EraseComment()
        {
            var end = source.IndexOf("*/", _at + 2, StringComparison.Ordinal);
            Erase(end < 0 ? source.Length - _at : end + 2 - _at);
        }

        private void EraseCharacter()
        {
            Erase();
            while (_at < source.Length && source[_at] is not ('\'' or '\n')) Erase(source[_at] == '\\' ? 2 : 1);
            Erase();
        }

        private bool StringStartsHere(out int dollars, out bool verbatim)
        {
            var i = _at;
            while (i < source.Length && source[i] is '$' or '@') i++;
            var prefix = source.AsSpan(_at, i - _at);
            (dollars, verbatim) = (prefix.Count('$'), prefix.Contains('@'));
            return i < source.Length && source[i] == '"';
        }

        private void EraseString(int dollars, bool verbatim)
        {
            Erase(dollars + (verbatim ? 1 : 0));
            var quotes = RunOf('"', _at);
            var raw = quotes >= 3 && !verbatim;
            Erase(raw ? quotes : 1);
            while (_at < source.Length)
            {
                if (raw && source[_at] == '"' && RunOf('"', _at) is var run)
                {
                    Erase(run);
                    if (run >= quotes) return;
                }
                else if (verbatim && Sees("\"\"")) Erase(2);
                else if (!raw && source[_at] == '"')
                {
                    Erase();
                    return;
                }
                else if (!raw && !verbatim && source[_at] == '\\') Erase(2);
                else if (dollars > 0 && source[_at] == '{') EraseHole(raw ? dollars : 1, raw);
                else Erase();
            }
        }

        private void EraseHole(int braces, bool raw)
        {
            var run = RunOf('{', _at);
            Erase(run);
            // Doubled braces are text, except in raw strings, where as many as there are dollars open a hole.
            if (raw ? run < braces : run % 2 == 0) return;
            Code(braces);
            Erase(braces);
        }
    }
}
