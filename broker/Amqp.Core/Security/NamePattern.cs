using System.Text.RegularExpressions;

namespace Amqp.Core.Security;

/// <summary>
/// A regular expression that an operator wrote, asked about the names that clients choose. It matches anywhere in a name unless it
/// is anchored; an empty one matches only the empty name.
/// <para>
/// No pattern takes long, whatever the name. Most run on an engine whose time grows with the length of the name only; those with
/// look-arounds or back references need one that can explode, and it is stopped after <see cref="Limits.PatternMs"/>. A match that
/// was not found by then is none.
/// </para>
/// </summary>
public sealed class NamePattern
{
    private const string Everything = ".*";

    private readonly (string Name, string Value)[] _variables;
    private volatile Regex? _regex;

    /// <param name="text">In PCRE's syntax, as far as .NET has it: <see cref="PcreSyntax"/>.</param>
    /// <param name="variables">What <c>{name}</c> in the text stands for.</param>
    public NamePattern(string text, params (string Name, string Value)[] variables)
    {
        Text = text;
        _variables = variables;
    }

    /// <summary>As it was given.</summary>
    public string Text { get; }

    /// <summary>Why this pattern cannot be used; null if it can.</summary>
    public string? Defect
    {
        get
        {
            if (Text.Length > Limits.PatternCharacters) return $"it has {Text.Length} characters, and at most {Limits.PatternCharacters} are possible";
            try
            {
                _regex ??= Compile();
                return null;
            }
            catch (Exception exception) when (exception is ArgumentException or FormatException)
            {
                return exception.Message;
            }
        }
    }

    public bool IsMatch(string name)
    {
        if (Text == Everything) return true;
        // Compiled when it is first asked: a broker may know many more users than ever come.
        if (_regex is null && Defect is not null) return false;
        try
        {
            return _regex!.IsMatch(name);
        }
        catch (RegexMatchTimeoutException)
        {
            return false;
        }
    }

    public override string ToString() => Text;

    private Regex Compile()
    {
        var expression = PcreSyntax.ToDotNet(Text.Length == 0 ? "^$" : Text, _variables);
        var timeout = TimeSpan.FromMilliseconds(Limits.PatternMs);
        try
        {
            return new Regex(expression, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, timeout);
        }
        catch (NotSupportedException)
        {
            return new Regex(expression, RegexOptions.CultureInvariant, timeout);
        }
    }
}
