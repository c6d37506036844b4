namespace Amqp.Ctl;

/// <summary>The exit codes of rabbitmqctl, which are those of sysexits.h: scripts tell failures apart by them.</summary>
internal static class ExitCode
{
    public const int Ok = 0;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 64;

    /// <summary>An argument says nothing sensible, or names something that is not there; data is damaged.</summary>
    public const int Data = 65;

    /// <summary>What was to be read is not there.</summary>
    public const int NoInput = 66;

    /// <summary>There is no such user.</summary>
    public const int NoUser = 67;

    /// <summary>The broker is not there, or refuses, or what answers is no broker; or a data directory cannot be used.</summary>
    public const int Unavailable = 69;

    /// <summary>A defect of this program or of the broker; or what was to be made is there already.</summary>
    public const int Software = 70;

    /// <summary>What was waited for did not come in time.</summary>
    public const int Timeout = 75;

    /// <summary>The configuration cannot be read.</summary>
    public const int Config = 78;

    /// <summary>Ctrl-C, as shells count it.</summary>
    public const int Interrupted = 130;
}
