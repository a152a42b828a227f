"""The modules Asterisk loads: all that the hotline uses, and nothing by which a channel could start a program."""

NEEDED = (
    # Pieces that others stand on.
    "res_timing_timerfd",
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_sorcery_astdb",
    "res_pjproject",
    "res_http_websocket",
    "res_srtp",
    "res_rtp_asterisk",
    "res_speech",
    "res_agi",
    "res_manager_devicestate",
    "res_musiconhold",
    # SIP.
    "res_pjsip",
    "res_pjsip_pubsub",
    "res_pjsip_session",
    "res_pjsip_sdp_rtp",
    "res_pjsip_authenticator_digest",
    "res_pjsip_endpoint_identifier_user",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_registrar",
    "res_pjsip_caller_id",
    "res_pjsip_dtmf_info",
    "res_pjsip_nat",
    "res_pjsip_rfc3326",
    "res_pjsip_transport_websocket",
    "res_security_log",
    "chan_pjsip",
    # Codecs and files.
    "codec_alaw",
    "codec_ulaw",
    "codec_g722",
    "codec_resample",
    "format_wav",
    "format_pcm",
    "format_sln",
    # What the dialplan and the controller use.
    "pbx_config",
    "bridge_builtin_features",
    "bridge_simple",
    "bridge_softmix",
    "app_confbridge",
    "app_dial",
    "app_mixmonitor",
    "app_playback",
    "app_queue",
    "app_read",
    "app_stack",
    "app_userevent",
    "func_callerid",
    "func_channel",
    "func_jitterbuffer",
    "func_logic",
    "func_strings",
    "func_timeout",
)

OPTIONAL = (
    # Opus for browsers; without it they speak G.722. The name depends on who packaged Asterisk.
    "codec_opus_open_source",
    "codec_opus",
    "res_format_attr_opus",
    # What a caller says to the recogniser, for emergency words.
    "res_audiosocket",
    "app_audiosocket",
    "app_chanspy",
    # Linux only.
    "bridge_native_rtp",
)
