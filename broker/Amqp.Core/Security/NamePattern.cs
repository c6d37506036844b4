using System.Text.RegularExpressions;

namespace Amqp.Core.Security;

/// <summary>
/// A regular expression that an operator wrote, asked about the names that clients choose. It matches anywhere in a name unless it
/// is anchored; an empty one matches only the empty name.
/// <para>
/// No pattern takes long, whatever the name: the usual engine, whose time can explode, is stopped after <see cref="Limits.PatternMs"/>.
/// A pattern to which that happens goes on with the engine whose time grows with the length of the name only. It is not the first
/// choice because it takes half a megabyte for every pattern, and there may be thousands of users. It does not know look-arounds and back
/// references; with those, a match that was not found in time is none.
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
            if (Text is Everything or "") return null;
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
        // The two that most users have cost nothing. ($ allows a line feed behind it.)
        if (Text == Everything) return true;
        if (Text.Length == 0) return name is "" or "\n";
        // Compiled when it is first asked: a broker may know many more users than ever come.
        if (_regex is null && Defect is not null) return false;
        return Match(name) ?? (TryMakeLinear() && Match(name) == true);
    }

    public override string ToString() => Text;

    private Regex Compile(RegexOptions engine = RegexOptions.None) => new(
        PcreSyntax.ToDotNet(Text, _variables), engine | RegexOptions.CultureInvariant, TimeSpan.FromMilliseconds(Limits.PatternMs));

    /// <returns>Null if that was not found out in time.</returns>
    private bool? Match(string name)
    {
        try
        {
            return _regex!.IsMatch(name);
        }
        catch (RegexMatchTimeoutException)
        {
            return null;
        }
    }

    private bool TryMakeLinear()
    {
        if (_regex!.Options.HasFlag(RegexOptions.NonBacktracking)) return false;
        try
        {
            _regex = Compile(RegexOptions.NonBacktracking);
            return true;
        }
        catch (NotSupportedException)
        {
            return false;
        }
    }
}
